"""What is in packed data: names, sizes, and the bytes of each."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Protocol

PROTOCOL = "featxpacked"
"""What fsspec knows packed data by."""


class Members(Protocol):
    """The files in an archive, in shards, or in a folder at an address.

    Attributes
    ----------
    kind : str
        What they are in, in words: ``zip archive``.
    sizes : mapping of str to int
        Bytes by name, in the order in which they are read fastest; 0 where it isn't
        known beforehand. Names have ``/`` between folders, none at the start.
    """

    kind: str

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


def clean_names(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that stays within its folder, plain and as it was given."""
    for name in names:
        path = PurePosixPath(name.lstrip("/"))
        if path.parts and ".." not in path.parts:
            yield str(path), name
