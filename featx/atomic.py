"""Files that are there whole or not at all, even if the process is killed."""

import contextlib
import csv
import errno
import io
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from featx.addresses import Address, reaching

ASIDE = ".aside-"
"""Prefix of the names of files that are not finished yet."""


def write_atomically(path: Address, content: bytes) -> None:
    """Write a file under another name, sync it and rename it into place.

    A reader sees the old content or the new one; after a crash or on a full disk it
    sees the old one. At an address, the store sees to that: it has no rename.

    Raises
    ------
    OSError
        It can't be written.
    """
    if not isinstance(path, Path):
        with reaching(path):
            path.write_bytes(content)
        return
    with atomic_file(path) as aside:
        aside.write_bytes(content)


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Write JSON for people as well: indented, in UTF-8, without NaN."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A path that is not UTF-8 holds lone surrogates, which become JSON's \\udcxx.
    return text.encode(errors="backslashreplace")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Write CSV with plain line feeds."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield an empty file beside `path` to write to; at the end it takes its place.

    For what a library writes, or what is too large to build in memory first. If the
    block fails, the new file is removed and the old content stays.

    Raises
    ------
    OSError
        It can't be written.
    """
    with _naming(path):
        # Libraries may choose a format by the suffix.
        handle, name = tempfile.mkstemp(
            prefix=ASIDE, suffix=path.suffix, dir=path.parent
        )
        aside = Path(name)
        try:
            os.close(handle)
            # mkstemp makes it private; the umask says what others may read.
            with contextlib.suppress(OSError):  # some network disks have no modes
                aside.chmod(0o666 & ~_umask())
            yield aside
            with aside.open("r+b") as stream:
                os.fsync(stream.fileno())
            aside.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


@contextlib.contextmanager
def atomic_folder(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield an empty folder beside `path` to fill; at the end it takes its place.

    A folder can't be renamed onto one with content: an old one is moved away first, and
    for that moment there is none. If the block fails, the old one stays.

    Parameters
    ----------
    path : Path
    durable : bool
        Whether it is to outlive a power cut, which takes time for each file.

    Raises
    ------
    OSError
        It can't be written.
    """
    with _naming(path):
        aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=path.parent))
        old = aside.with_name(f"{aside.name}-old")
        try:
            with contextlib.suppress(OSError):
                aside.chmod(0o777 & ~_umask())
            yield aside
            if durable:
                sync_files(aside)
            if path.exists():
                path.rename(old)
            try:
                aside.rename(path)
            except OSError:
                if old.exists():
                    old.rename(path)
                raise
        finally:
            for left in (aside, old):
                shutil.rmtree(left, ignore_errors=True)
    sync_folder(path.parent)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have a failure name what is wanted, not what is written aside.

    A disk that is full names nothing by itself.
    """
    try:
        yield
    except OSError as error:
        parts = Path(os.fsdecode(error.filename or "")).parts
        inner = [n for n, part in enumerate(parts, 1) if part.startswith(ASIDE)]
        if inner or (not parts and error.errno in {errno.ENOSPC, errno.EDQUOT}):
            wanted = path.joinpath(*parts[inner[0] :] if inner else ())
            raise OSError(error.errno, error.strerror, str(wanted)) from error
        raise


def check_writable(folder: Address, *, room: int = 1) -> None:
    """Check that a folder can be written to, or made, and make nothing.

    Parameters
    ----------
    folder : Path
    room : int
        Bytes that must be free there.

    Raises
    ------
    OSError
    """
    if not isinstance(folder, Path):
        _check_address(folder)
        return
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:
            stream.write(bytes(room))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _check_address(folder: Address) -> None:
    probe = folder / f"{ASIDE}{uuid.uuid4().hex}"
    with reaching(folder):
        probe.write_bytes(b"")
        probe.unlink()


def sync_files(folder: Path) -> None:
    """Bring all files in a folder to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as stream:
                os.fsync(stream.fileno())


def leftovers(folder: Address) -> dict[Path, int]:
    """Return what killed writers left in a folder, and its bytes."""
    if not isinstance(folder, Path):
        return {}
    return {
        path: sum(file.lstat().st_size for file in (path, *path.rglob("*")))
        for path in folder.glob(f"{ASIDE}*")
    }


def remove_leftovers(folder: Address, prefix: str = ASIDE) -> None:
    """Remove what killed writers left in a folder; none may be writing there now."""
    if not isinstance(folder, Path):  # object stores keep nothing unfinished
        return
    for leftover in folder.glob(f"{prefix}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder outlive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    """Return the process's umask."""
    # There is no call that only reads it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
