"""Zip and tar archives."""

import contextlib
import errno
import posixpath
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from featx.errors import DataError, first_line
from featx.images.packed.members import clean_name, outside_note, twice_note

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

MOST_LINKS = 40
"""Links that are followed one after the other, as Linux does."""

GZIP = b"\x1f\x8b"

DAMAGED: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError),
)
with contextlib.suppress(ImportError):  # Python may have been built without
    from lzma import LZMAError

    DAMAGED = (*DAMAGED, LZMAError)


def is_archive(name: str) -> bool:
    """Return whether a file's name is that of an archive."""
    return name.lower().endswith(ENDINGS)


def is_zip(name: str, stream: IO[bytes]) -> bool:
    """Return whether an archive is a zip, by how it begins, else by its name.

    Raises
    ------
    DataError
        It is empty; the message is the reason.
    """
    start = stream.read(tarfile.BLOCKSIZE)
    stream.seek(0)
    if not start:
        raise DataError("is empty; download it again")
    is_tar = start.startswith(GZIP) or start[257:262] == b"ustar"
    return start.startswith(b"PK") or (name.lower().endswith(ZIP) and not is_tar)


def damaged(error: Exception) -> OSError:
    """Return the error about a file that can't be read out of an archive."""
    return OSError(errno.EIO, f"damaged in the archive ({first_line(error)})")


@contextlib.contextmanager
def _refusing(errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what is raised about a damaged archive into DataError."""
    try:
        yield
    except errors as error:
        raise DataError(f"damaged ({first_line(error)}); download it again") from error


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

    def __init__(self, stream: IO[bytes]) -> None:
        with _refusing(DAMAGED):
            self._zip = zipfile.ZipFile(stream)
        files = [one for one in self._zip.infolist() if not one.is_dir()]
        if any(one.flag_bits & 1 for one in files):
            raise DataError("is encrypted; unpack it, and name the folder")
        # The order in the file is that of the offsets.
        files.sort(key=lambda one: one.header_offset)
        is_windows = not any("/" in one.filename for one in files)
        self._own: dict[str, zipfile.ZipInfo] = {}
        outside = 0
        for one in files:
            name = one.filename.replace("\\", "/") if is_windows else one.filename
            plain = clean_name(name)
            if plain is None:
                outside += 1
            else:
                self._own[plain] = one
        self.sizes = {name: one.file_size for name, one in self._own.items()}
        twice = len(files) - outside - len(self._own)
        self.notes = [*outside_note(outside), *twice_note(twice)]

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
        extra = (OSError,) if is_zipped else ()
        self._damaged: tuple[type[Exception], ...] = (*DAMAGED, *extra)
        self._lock = threading.Lock()
        with _refusing(self._damaged):
            index = _Index(self._stream)
        self._places, self.notes = index.places, index.notes
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


class _Index:
    """Where each regular file of a tar archive lies, and its size.

    Links are followed within the archive.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.places: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        self._outside = self._twice = self._lost = 0
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for one in archive:
                # A million of them would take a gigabyte.
                archive.members = []  # type: ignore[attr-defined]
                self._take(one)
            end = archive.offset
        # Where a header is damaged or cut off, tarfile just ends.
        stream.seek(end)
        block = stream.read(tarfile.BLOCKSIZE)
        if len(block) < tarfile.BLOCKSIZE or any(block):
            raise tarfile.ReadError("unexpected end of data")
        self._follow()
        what = "link or sparse file" if self._lost == 1 else "links or sparse files"
        lost = f"{self._lost} {what} that can't be read, left out"
        self.notes = [
            *outside_note(self._outside),
            *twice_note(self._twice),
            *([lost] if self._lost else []),
        ]

    def _take(self, one: tarfile.TarInfo) -> None:
        if one.isdir():
            return
        name = clean_name(one.name)
        if name is None:
            self._outside += 1
            return
        self._twice += name in self.places or name in self._links
        if one.isreg() and not one.issparse():
            self.places[name] = (one.offset_data, one.size)
            self._links.pop(name, None)
        elif one.islnk():
            self._links[name] = one.linkname
        elif one.issym():
            self._links[name] = posixpath.join(posixpath.dirname(name), one.linkname)
        else:
            self._lost += 1

    def _follow(self) -> None:
        for name in self._links:
            target: str | None = name
            for _ in range(MOST_LINKS):
                if target not in self._links:
                    break
                target = clean_name(posixpath.normpath(self._links[target]))
            if target in self.places:
                self.places[name] = self.places[target]
            else:
                self._lost += 1
