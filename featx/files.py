"""Read files that somebody else may have put there: regular ones only."""

import errno
import io
import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from featx.addresses import Address

NOT_REGULAR = "not a regular file but a pipe, a socket or a device; remove it"


def open_file(path: Address) -> BufferedReader:
    """Open a regular file for reading; reading others might never end.

    Raises
    ------
    OSError
        It can't be opened, or is a named pipe, a socket, a device or a folder.
    """
    if not isinstance(path, Path):
        return cast("BufferedReader", path.open("rb"))
    stream = open(path, "rb", opener=open_at_once)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    return stream


def open_text(
    path: Address, *, encoding: str = "utf-8", errors: str = "strict"
) -> io.TextIOWrapper:
    """Open a regular file of text, by default UTF-8, with its line ends as they are.

    Raises
    ------
    OSError
        As `open_file` raises it.
    """
    return io.TextIOWrapper(open_file(path), encoding, errors, newline="")


def read_json(path: Address) -> Any:
    """Return what a JSON file in UTF-8 holds.

    Raises
    ------
    OSError
        As `open_file` raises it.
    ValueError
        It is not JSON, or not UTF-8.
    """
    with open_file(path) as stream:
        content = stream.read()
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def open_at_once(path: str, flags: int) -> int:
    """Open as `os.open` does, without waiting for the other end of a named pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
