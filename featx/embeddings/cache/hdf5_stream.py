"""Writing HDF5 to a disk that may be full: failures are raised after closing."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class _Stream(io.FileIO):
    """A file that swallows failures, and keeps the first one.

    On a full disk HDF5 tries to write the rest again when Python exits, and crashes
    the process.
    """

    error: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all of the bytes; a failure is kept in `error`."""
        rest = memoryview(content).cast("B")
        size = len(rest)
        with self._noting():
            while len(rest):
                rest = rest[super().write(rest) :]
        return size

    def readinto(self, target: Any) -> int:
        """Read as many bytes as are asked for; zeros for those that were lost."""
        place = memoryview(target).cast("B")
        done = 0
        with self._noting():
            while done < len(place) and (count := super().readinto(place[done:])):
                done += count
        place[done:] = bytes(len(place) - done)
        return len(place)

    def truncate(self, size: int | None = None) -> int:
        """Cut the file short, or make it longer."""
        with self._noting():
            return super().truncate(size)
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
        It could not be written; raised at the end, when HDF5 has closed it.
    """
    with _Stream(path, "w+") as stream:
        with _created(stream) as opened:
            yield opened
        if stream.error is not None:
            raise stream.error


def _created(stream: _Stream) -> Any:
    """Return a new file without timestamps: the same rows give the same bytes.

    Only h5py's low-level interface can turn them off for the root group.
    """
    import h5py

    how = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    how.set_obj_track_times(False)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, stream)
    made = h5py.h5f.create(b"featx", h5py.h5f.ACC_TRUNC, fcpl=how, fapl=access)
    return h5py.File(made)
