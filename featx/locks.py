"""Locks of a folder that processes share: held by many, or alone."""

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from featx.addresses import Address

LOGGER = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds to wait before saying so: most locks are held for less."""

UPDATE_LOCK = ".update-lock"
"""Guards small files that are read, changed and written."""


class FolderLock:
    """A lock between processes.

    Parameters
    ----------
    path : Path or UPath
        The lock file, in the folder that it guards. Object stores have no locks:
        there anybody may read and add, and nobody ever has the folder alone.
    """

    def __init__(self, path: Address) -> None:
        self.path = path

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Keep away who wants the folder alone, while reading or adding."""
        if not isinstance(self.path, Path):
            yield
            return
        import portalocker

        with self._file("a+", "r") as stream:
            if stream is not None:
                _lock(stream, portalocker.LockFlags.SHARED, self.log_waiting)
            yield

    def log_waiting(self) -> None:
        """Log that another process is being waited for."""
        LOGGER.info("%s: in use by another process; waiting", self.path.parent)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Yield whether this process has the folder to itself; it doesn't wait."""
        if not isinstance(self.path, Path):
            yield False
            return
        import portalocker

        flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
        with self._file("a+") as stream:
            alone = stream is not None
            try:
                if alone:
                    portalocker.lock(stream, flags)
            except portalocker.LockException:
                alone = False
            yield alone

    @contextlib.contextmanager
    def exclusive(self, on_wait: Callable[[], None]) -> Iterator[bool]:
        """Wait until this process has the folder to itself.

        Parameters
        ----------
        on_wait : callable
            Called once, in another thread, if another process keeps it for long.

        Yields
        ------
        bool
            False if the lock file or its folder was removed meanwhile, so that the
            lock guards nothing.

        Raises
        ------
        OSError
            The lock file can't be made.
        """
        if not isinstance(self.path, Path):
            yield True
            return
        import portalocker

        with contextlib.ExitStack() as stack:
            try:
                stream = stack.enter_context(self.path.open("a+"))
            except FileNotFoundError:
                yield False
                return
            _lock(stream, portalocker.LockFlags.EXCLUSIVE, on_wait)
            try:
                same = os.path.samestat(os.fstat(stream.fileno()), self.path.stat())
            except FileNotFoundError:
                same = False
            yield same

    @contextlib.contextmanager
    def _file(self, *modes: str) -> Iterator[Any]:
        """Open the lock file in the first mode that works; None where none does.

        Who may only read a folder locks it all the same: others may write to it.
        """
        with contextlib.ExitStack() as stack:
            stream = None
            for mode in modes:
                with contextlib.suppress(OSError):
                    stream = stack.enter_context(self.path.open(mode))
                    break
            yield stream


def _lock(stream: Any, flags: Any, on_wait: Callable[[], None]) -> None:
    """Lock an open file, waiting for as long as it takes."""
    import portalocker

    try:
        portalocker.lock(stream, flags | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.LockException:
        timer = threading.Timer(PATIENCE, on_wait)
        timer.start()
        try:
            portalocker.lock(stream, flags)
        finally:
            timer.cancel()


@contextlib.contextmanager
def updating(folder: Address) -> Iterator[None]:
    """Let one process at a time read, change and write the small files of a folder.

    Others wait: without a lock, of two that read the same content the second to write
    would undo what the first has written. The lock file is there only meanwhile. At an
    address nobody waits: what is kept there so can be found out again.

    Raises
    ------
    OSError
        There is no such folder, or it can't be written to.
    """
    if not isinstance(folder, Path):
        yield
        return
    lock = FolderLock(folder / UPDATE_LOCK)
    while folder.is_dir():
        with lock.exclusive(lock.log_waiting) as held:
            if held:
                try:
                    yield
                finally:
                    with contextlib.suppress(OSError):
                        lock.path.unlink()  # who waits for it makes a new one
                return
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
