"""Images that can't be read: listed once, not tried again."""

import contextlib
import csv
from collections.abc import Collection, Iterable
from typing import NamedTuple

from featx.addresses import Address
from featx.atomic import csv_text, write_atomically
from featx.files import open_text
from featx.locks import updating


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
    """The list `quarantine.csv` of a spec's folder.

    Parameters
    ----------
    path : Path or UPath
    root : Path or UPath
        The cache folder, with the lock of all its small files.
    """

    def __init__(self, path: Address, root: Address) -> None:
        self.path = path
        self.root = root

    def read(self) -> list[Unreadable]:
        """Return all lines; what is no line of three is passed over."""
        try:
            with open_text(self.path, errors="surrogateescape") as stream:
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
        """Add lines that are not there yet.

        Raises
        ------
        OSError
            The file can't be written.
        """
        with updating(self.root):
            known = dict.fromkeys(self.read())
            new = [line for line in dict.fromkeys(lines) if line not in known]
            if new:
                write_atomically(self.path, _lines([HEADER, *known, *new]))

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
        names = {digest.hex() for digest in digests}
        with updating(self.root):
            lines = self.read()
            kept = [
                line
                for line in lines
                if not (line.digest in names if line.digest else line.path in paths)
            ]
            if len(kept) < len(lines):
                write_atomically(self.path, _lines([HEADER, *kept]))


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    return csv_text(rows).encode("utf-8", errors="surrogateescape")
