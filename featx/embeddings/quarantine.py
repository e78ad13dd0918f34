"""Images that can't be read: listed once, not tried again."""

import contextlib
import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from featx.durable import write_whole

HEADER = ("path", "digest", "reason")


@dataclass(frozen=True)
class Unreadable:
    """One image that could not be read.

    Attributes
    ----------
    path : str
        As it was met.
    digest : str
        SHA-256 of the file in hexadecimal; empty where it can't even be opened.
    reason : str
        In a few words.
    """

    path: str
    digest: str
    reason: str


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
                rows = list(csv.reader(stream))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [Unreadable(*row) for row in rows[1:] if len(row) == len(HEADER)]

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
        # One write at the end of the file: two processes' lines don't mix.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        handle = os.open(self.path, flags, 0o666)
        try:
            if os.fstat(handle).st_size == 0:
                os.write(handle, _lines([HEADER]))
            os.write(handle, _lines((x.path, x.digest, x.reason) for x in new))
        finally:
            os.close(handle)

    def forget(self, digests: set[bytes]) -> None:
        """Take out images that could be read after all."""
        lines = self.read()
        names = {digest.hex() for digest in digests}
        kept = [line for line in lines if line.digest not in names]
        if len(kept) == len(lines):
            return
        rows = [HEADER, *((x.path, x.digest, x.reason) for x in kept)]
        write_whole(self.path, _lines(rows))


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", errors="surrogateescape")
