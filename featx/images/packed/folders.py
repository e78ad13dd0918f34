"""Folders at an address: ``s3://bucket/data``, listed at once."""

import errno
from typing import TYPE_CHECKING, Any

from featx.addresses import failure
from featx.errors import AddressError

if TYPE_CHECKING:
    from upath import UPath


class FolderMembers:
    """The files below an address.

    Parameters
    ----------
    folder : UPath

    Raises
    ------
    AddressError
        It can't be reached, or there is nothing.
    """

    notes = ()

    def __init__(self, folder: "UPath") -> None:
        # What libraries of object stores raise is of no common kind.
        try:
            self._fs, root = folder.fs, folder.path.rstrip("/")
            found: dict[str, Any] = self._fs.find(root, detail=True)
        except Exception as error:
            raise AddressError(f"{folder}: can't be reached ({failure(error)})") from (
                error
            )
        if not found:
            raise AddressError(f"{folder}: no such folder, or nothing in it")
        start = len(root) + 1
        self._root = root
        self.sizes = {
            name[start:]: int(about.get("size") or 0)
            for name, about in sorted(found.items())
            if len(name) > start
        }

    def read(self, name: str) -> bytes:
        """Return the bytes of a file, from any thread."""
        try:
            content: bytes = self._fs.cat_file(f"{self._root}/{name}")
        except OSError:
            raise
        except Exception as error:
            raise OSError(errno.EIO, failure(error)) from error
        return content
