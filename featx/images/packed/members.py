"""What is in packed data: names, sizes, and the bytes of each."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Protocol

PROTOCOL = "featxpacked"
"""What fsspec knows packed data by."""


class Members(Protocol):
    """The files in an archive, in shards, or in a folder at an address.

    Attributes
    ----------
    notes : sequence of str
        What was left out, one line each.
    sizes : mapping of str to int
        Bytes by name, in the order in which they are read fastest; 0 where it isn't
        known beforehand. Names have ``/`` between folders, none at the start.
    """

    @property
    def notes(self) -> Sequence[str]:
        """What was left out, as above."""
        ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each, as above."""
        ...

    def read(self, name: str) -> bytes:
        """Return the bytes of a file, from any thread.

        Raises
        ------
        OSError
            They can't be read.
        """
        ...


def clean_name(name: str) -> str | None:
    """Return a name as one plain path, None where it leads out of its folder."""
    path = PurePosixPath(name.lstrip("/"))
    return str(path) if path.parts and ".." not in path.parts else None


def outside_note(count: int) -> list[str]:
    """Return the note about names that lead out of their folder, if there are any."""
    files = (
        "1 file whose name leads" if count == 1 else f"{count} files whose names lead"
    )
    return [f"{files} out of the archive by .., left out"] if count else []


def twice_note(count: int) -> list[str]:
    """Return the note about names that occur several times, if there are any."""
    names = "1 name is" if count == 1 else f"{count} names are"
    return [f"{names} in the archive twice; the last file counts"] if count else []
