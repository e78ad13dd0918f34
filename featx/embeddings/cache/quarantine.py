"""Images that can't be read: listed once, not tried again."""

import contextlib
import csv
import errno
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from featx.atomic import csv_text, write_atomically


class Unreadable(NamedTuple):
    """One image that could not be read."""

    path: str
    """As it was met."""
    digest: str
    """SHA-256 of the file in hexadecimal; empty where it can't even be opened."""
    reason: str
    """In a few words."""


HEADER = Unreadable._fields


class Quarantine:
    """The list `quarantine.csv` of a spec's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Unreadable]:
        """Return all lines; half a line, from a kill, is passed over."""
        try:
            with self.path.open(
                newline="", encoding="utf-8", errors="surrogateescape"
            ) as stream:
                rows: list[list[str]] = []
                with contextlib.suppress(csv.Error):  # damaged from there on
                    rows.extend(csv.reader(stream))
        except (FileNotFoundError, NotADirectoryError):
            return []
        lines = [Unreadable(*row) for row in rows if len(row) == len(HEADER)]
        return [line for line in lines if line != HEADER]

    def reasons(self) -> dict[bytes, str]:
        """Return digest to reason, for those that have a digest."""
        found: dict[bytes, str] = {}
        for line in self.read():
            with contextlib.suppress(ValueError):
                if line.digest:
                    found[bytes.fromhex(line.digest)] = line.reason
        return found

    def add(self, lines: Iterable[Unreadable]) -> None:
        """Append lines that are not there yet.

        Raises
        ------
        OSError
            The file can't be written.
        """
        known = set(self.read())
        new = [line for line in dict.fromkeys(lines) if line not in known]
        if not new:
            return
        content = self._start() + _lines(new)
        # One write at the end of the file: two processes' lines don't mix.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        handle = os.open(self.path, flags, 0o666)
        try:
            if os.write(handle, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(handle)

    def _start(self) -> bytes:
        """Return what comes before the next line: the header, the end of half a line.

        A full disk or a kill may have cut the last line, even within quotes.
        """
        there = self.path.read_bytes() if self.path.exists() else b""
        if not there:
            return _lines([HEADER])
        if there.count(b'"') % 2:
            return b'"\n'
        return b"" if there.endswith(b"\n") else b"\n"

    def forget(self, digests: set[bytes], paths: Collection[str] = ()) -> None:
        """Take out images that could be read after all.

        Parameters
        ----------
        digests : set of bytes
        paths : collection of str
            For lines without a digest.

        Raises
        ------
        OSError
            The file can't be written.
        """
        lines = self.read()
        names = {digest.hex() for digest in digests}
        kept = [
            line
            for line in lines
            if not (line.digest in names if line.digest else line.path in paths)
        ]
        if len(kept) < len(lines):
            write_atomically(self.path, _lines([HEADER, *kept]))


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    return csv_text(rows).encode("utf-8", errors="surrogateescape")
