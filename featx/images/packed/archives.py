"""Zip and tar archives."""

import errno
import tarfile
import threading
import zipfile
import zlib
from typing import IO

from featx.errors import DataError, first_line
from featx.images.packed.members import clean_names

ZIP = (".zip",)
TAR = (".tar", ".tar.gz", ".tgz")
SEQUENTIAL = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""How compressed files begin that can't be read from the middle, and what by."""

COMPRESSED = (".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")

ENDINGS = (*ZIP, *TAR, *COMPRESSED)
"""Of the names of archives."""

GZIP = b"\x1f\x8b"

DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError),
)


def is_archive(name: str) -> bool:
    """Return whether a file's name is that of an archive."""
    return name.lower().endswith(ENDINGS)


def damaged(error: Exception) -> OSError:
    """Return the error about a file that can't be read out of an archive."""
    return OSError(errno.EIO, f"damaged in the archive ({first_line(error)})")


class ZipMembers:
    """The files in a zip archive.

    Parameters
    ----------
    stream : file
        The archive, open for reading.

    Raises
    ------
    DataError
        It is damaged or encrypted; the message is the reason.
    """

    kind = "zip archive"

    def __init__(self, stream: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(stream)
        except DAMAGED as error:
            raise DataError(
                f"damaged ({first_line(error)}); download it again"
            ) from error
        files = [one for one in self._zip.infolist() if not one.is_dir()]
        if any(one.flag_bits & 1 for one in files):
            raise DataError("is encrypted; unpack it, and name the folder")
        # The order in the file is that of the offsets.
        files.sort(key=lambda one: one.header_offset)
        self._own = dict(clean_names(one.filename for one in files))
        of_name = {one.filename: one.file_size for one in files}
        self.sizes = {name: of_name[own] for name, own in self._own.items()}

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; several threads may read at once."""
        try:
            return self._zip.read(self._own[name])
        except DAMAGED as error:
            raise damaged(error) from error


class TarMembers:
    """The files in a tar archive, plain or compressed by gzip.

    Parameters
    ----------
    stream : file
        The archive, open for reading.

    Raises
    ------
    DataError
        It is damaged, or compressed in another way; the message is the reason.
    """

    kind = "tar archive"

    def __init__(self, stream: IO[bytes]) -> None:
        start = stream.read(8)
        stream.seek(0)
        for magic, how in SEQUENTIAL.items():
            if start.startswith(magic):
                raise DataError(
                    f"is compressed by {how}, which can only be read from the start;"
                    " unpack it, and name the folder"
                )
        is_zipped = start.startswith(GZIP)
        self._stream = _unzipped(stream) if is_zipped else stream
        self._damaged = (*DAMAGED, OSError) if is_zipped else DAMAGED
        self._lock = threading.Lock()
        try:
            self._places = _index(self._stream)
        except self._damaged as error:
            raise DataError(
                f"damaged ({first_line(error)}); download it again"
            ) from error
        self.sizes = {name: size for name, (_, size) in self._places.items()}

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; one thread reads at a time."""
        offset, size = self._places[name]
        try:
            with self._lock:
                self._stream.seek(offset)
                content = self._stream.read(size)
        except self._damaged as error:
            raise damaged(error) from error
        if len(content) < size:
            raise damaged(EOFError("unexpected end of data"))
        return content


def _unzipped(stream: IO[bytes]) -> IO[bytes]:
    """Return a file that finds its way in gzip without reading from the start."""
    from indexed_gzip import IndexedGzipFile

    unzipped: IO[bytes] = IndexedGzipFile(fileobj=stream)
    return unzipped


def _index(stream: IO[bytes]) -> dict[str, tuple[int, int]]:
    """Return where each regular file of a tar archive lies, and its size."""
    places: dict[str, tuple[int, int]] = {}
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for one in archive:
            # A million of them would take a gigabyte.
            archive.members = []  # type: ignore[attr-defined]
            for name, _ in clean_names([one.name]):
                if one.isreg() and not one.issparse():
                    places[name] = (one.offset_data, one.size)
                elif one.islnk():
                    for target, _ in clean_names([one.linkname]):
                        if target in places:
                            places[name] = places[target]
    return places
