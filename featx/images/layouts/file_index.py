"""Which file a label file means."""

from pathlib import Path, PurePosixPath

from featx.errors import DataError
from featx.images.walking import image_files, relative


class FileIndex:
    """Finds a file by path, by the end of its path, or by either without ending.

    Parameters
    ----------
    root : Path
        The data folder.
    """

    def __init__(self, root: Path) -> None:
        self.paths = [relative(path, root) for path in image_files(root)]
        self._exact = set(self.paths)
        self._loose: dict[str, list[str]] = {}
        for path in self.paths:
            parts = PurePosixPath(path).parts
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                for key in (tail, str(PurePosixPath(tail).with_suffix(""))):
                    self._loose.setdefault(key, []).append(path)

    def find(self, name: str, source: Path) -> str | None:
        """Return the file's path, None where there is none.

        Parameters
        ----------
        source : Path
            The label file, for the error.

        Raises
        ------
        DataError
            Two files could be meant.
        """
        key = plain_path(name).as_posix()
        if key in self._exact:
            return key
        matches = self._loose.get(key, [])
        if len(matches) > 1:
            raise DataError(
                f"{source}: '{name}' could be '{matches[0]}' or '{matches[1]}'; write"
                " the path from the data folder, or name the folder of the right one"
            )
        return matches[0] if matches else None


def plain_path(text: str) -> PurePosixPath:
    """Return a path as it is written on any system."""
    return PurePosixPath(text.strip().replace("\\", "/"))
