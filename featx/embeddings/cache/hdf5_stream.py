"""A file that HDF5 may write to on any disk: failures are told when it has closed."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class _Stream(io.RawIOBase):
    """Passes all on to a file until it fails; from then on it takes everything.

    HDF5 that meets a full disk leaves the process in pieces: it tries to write the
    rest again when Python exits, and crashes.
    """

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all of the bytes, or none any more after a failure."""
        rest = memoryview(content).cast("B")
        size = len(rest)
        with self._noting():
            while len(rest):
                rest = rest[self.file.write(rest) :]
        return size

    def readinto(self, target: Any) -> int:
        """Read as many bytes as are asked for; zeros for those that were lost."""
        place = memoryview(target).cast("B")
        done = 0
        with self._noting():
            while done < len(place) and (count := self.file.readinto(place[done:])):
                done += count
        place[done:] = bytes(len(place) - done)
        return len(place)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        with self._noting():
            return self.file.seek(offset, whence)
        return offset

    def tell(self) -> int:
        """Return the place."""
        return self.file.tell()

    def truncate(self, size: int | None = None) -> int:
        """Cut the file short, or make it longer."""
        with self._noting():
            return self.file.truncate(size)
        return size or 0

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error


@contextlib.contextmanager
def hdf5_file(path: Path) -> Iterator[Any]:
    """Open a new HDF5 file for writing, and close it.

    Raises
    ------
    OSError
        It could not be written; told at the end, when HDF5 is done with it.
    """
    with path.open("w+b", buffering=0) as file:
        stream = _Stream(file)
        with _created(stream) as opened:
            yield opened
        if stream.error is not None:
            raise stream.error


def _created(stream: _Stream) -> Any:
    """Return a new file in which no time is written: the same rows, the same bytes.

    h5py has no word for that in the root's case, so that its lower layer is asked.
    """
    import h5py

    how = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    how.set_obj_track_times(False)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, stream)
    made = h5py.h5f.create(b"featx", h5py.h5f.ACC_TRUNC, fcpl=how, fapl=access)
    return h5py.File(made)
