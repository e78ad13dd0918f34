"""Which file a label file means."""

import posixpath
import unicodedata
from collections.abc import Iterable
from itertools import takewhile
from pathlib import PurePosixPath

from featx.addresses import Address
from featx.errors import DataError, nearest
from featx.images.formats import is_image
from featx.images.layouts.classes import visible
from featx.images.walking import image_files, relative

COMPARED = 5000
"""Files that are looked through for the nearest name."""


class FileIndex:
    """Finds a file by path, by the end of its path, or by either without ending.

    The case of letters and the Unicode form count only where a file is not found
    without them.

    Parameters
    ----------
    root : Path or UPath
        The data folder.
    """

    def __init__(self, root: Address) -> None:
        self.paths = [relative(path, root) for path in image_files(root)]
        self._exact = set(self.paths)
        self._loose: dict[str, list[str]] = {}
        self._folded: dict[str, set[str]] = {}
        self._above: tuple[str, ...] = ()
        for path in self.paths:
            parts = PurePosixPath(path).parts
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                for key in (tail, str(PurePosixPath(tail).with_suffix(""))):
                    self._loose.setdefault(key, []).append(path)

    def place(self, names: Iterable[str]) -> str:
        """Find out from which folder names are written, if not from the data folder.

        Where none of them is found, leading folders that all share are passed over,
        such as those of another computer: as few as possible.

        Returns
        -------
        str
            What is passed over, empty if nothing is.
        """
        paths = [plain_path(name).parts for name in names if name.strip()]
        if any(self._matches("/".join(parts)) for parts in paths):
            return ""
        levels = zip(*(parts[:-1] for parts in paths), strict=False)
        shared = [names[0] for names in takewhile(lambda n: len(set(n)) < 2, levels)]
        for count in range(1, len(shared) + 1):
            self._above = tuple(shared[:count])
            if any(self._matches(self._key(parts)) for parts in paths):
                return str(PurePosixPath(*self._above))
        self._above = ()
        return ""

    def find(self, name: str, source: Address, line: int | None = None) -> str | None:
        """Return the file's path, None where there is none.

        Parameters
        ----------
        source : Path or UPath
            The label file, for the error.
        line : int, optional
            Its line, for the error.

        Raises
        ------
        DataError
            Two files could be meant.
        """
        key = self._key(plain_path(name).parts)
        if key in self._exact:
            return key
        matches = self._matches(key)
        if len(matches) > 1:
            where = f"{source}, line {line}" if line else f"{source}"
            raise DataError(
                f"{where}: '{name}' could be '{matches[0]}' or '{matches[1]}'; write"
                " the path from the data folder, or name the folder of the right one"
            )
        return matches[0] if matches else None

    def has(self, name: str) -> bool:
        """Return whether a text can only be the name of a file, with its suffix."""
        path = plain_path(name)
        return is_image(path.name) and bool(self._matches("/".join(path.parts)))

    def nearest(self, name: str) -> str:
        """Return the end of an error about a missing file: the nearest names."""
        names = [PurePosixPath(path).name for path in self.paths[:COMPARED]]
        return nearest(plain_path(name).name, names)

    def _key(self, parts: tuple[str, ...]) -> str:
        above = len(self._above)
        return "/".join(parts[above:] if parts[:above] == self._above else parts)

    def _matches(self, key: str) -> list[str]:
        matches = self._loose.get(key, [])
        if not matches:
            if not self._folded:
                for other, paths in self._loose.items():
                    self._folded.setdefault(_fold(other), set()).update(paths)
            matches = sorted(self._folded.get(_fold(key), ()))
        if self._above:  # a guess already: the rest must be the whole path
            depth = key.count("/")
            matches = [path for path in matches if path.count("/") == depth]
        return matches


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", visible(text)).casefold()


def plain_path(text: str) -> PurePosixPath:
    """Return a path as it is written on any system."""
    return PurePosixPath(posixpath.normpath(text.strip().replace("\\", "/")))
