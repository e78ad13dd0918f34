"""Packed data as a file system of fsspec, and its paths.

The listing is read once and kept in memory, so that looking for folders and labels
costs no request.
"""

import errno
import io
import os
import weakref
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec
from fsspec.spec import AbstractFileSystem
from upath import UPath
from upath.registry import register_implementation

from featx.addresses import Address, as_address, failure
from featx.errors import DataError
from featx.files import open_file
from featx.images.memory import MAX_BYTES, TOO_LARGE
from featx.images.packed.archives import TarMembers, ZipMembers, is_archive, is_zip
from featx.images.packed.folders import FolderMembers
from featx.images.packed.members import PROTOCOL, Members
from featx.images.packed.shards import (
    SUFFIX,
    ShardMembers,
    shard_names,
    shards_in,
)

Info = dict[str, Any]


class PackedFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The files in packed data, read only.

    Parameters
    ----------
    address : str
        Of an archive, a Parquet shard, a folder of these, or a folder that isn't on
        this machine.
    stamp : str
        Says when a file was last changed: with another one it is listed anew.
    """

    protocol = PROTOCOL
    root_marker = ""

    def __init__(self, address: str, stamp: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.address, self.stamp = address, stamp

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path)).strip("/")

    @cached_property
    def members(self) -> Members:
        """What is in it."""
        return open_members(as_address(self.address))

    @cached_property
    def order(self) -> dict[str, int]:
        """Where each name stands in the order in which files are read fastest."""
        return {name: place for place, name in enumerate(self.members.sizes)}

    @cached_property
    def _folders(self) -> dict[str, dict[str, Info]]:
        """Return what each folder has, by name."""
        found: dict[str, dict[str, Info]] = {"": {}}
        for path, size in self.members.sizes.items():
            name, info = path, {"name": path, "size": size, "type": "file"}
            while True:
                folder = name.rpartition("/")[0]
                is_known = folder in found
                found.setdefault(folder, {})[name] = info
                if is_known:
                    break
                name, info = folder, {"name": folder, "size": 0, "type": "directory"}
        return found

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return what is in a folder."""
        path = self._strip_protocol(path)
        found = self._folders.get(path)
        if found is None:
            return [one if detail else path for one in [self.info(path)]]
        return [found[n] if detail else n for n in sorted(found)]

    def info(self, path: str, **_: Any) -> Info:
        """Return what a path is, and its size."""
        path = self._strip_protocol(path)
        if path in self._folders:
            return {"name": path, "size": 0, "type": "directory"}
        found = self._folders.get(path.rpartition("/")[0], {}).get(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return found

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BytesIO:
        if mode != "rb":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        path = self._strip_protocol(path)
        info = self.info(path)
        if info["type"] == "directory":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if info["size"] > MAX_BYTES:
            raise OSError(errno.EFBIG, TOO_LARGE, path)
        content = self.members.read(path)
        if len(content) > MAX_BYTES:  # its size wasn't known
            raise OSError(errno.EFBIG, TOO_LARGE, path)
        return io.BytesIO(content)


class PackedPath(UPath):
    """A path in packed data; it is shown below its address: ``a.zip/cat/1.jpg``."""

    @property
    def address(self) -> str:
        """Of the packed data."""
        return str(self.storage_options["address"])

    def __str__(self) -> str:
        return f"{self.address}/{self.path}" if self.path else self.address

    def resolve(self, strict: bool = False) -> "PackedPath":
        """Return the path below the absolute one of the packed data."""
        place = as_address(self.address)
        if not isinstance(place, Path):
            return self
        return packed_path(place.resolve(strict), self.path)


fsspec.register_implementation(PROTOCOL, PackedFileSystem, clobber=True)
register_implementation(PROTOCOL, PackedPath, clobber=True)


def packed_path(place: Address, inner: str = "") -> PackedPath:
    """Return a path in packed data.

    Parameters
    ----------
    place : Path or UPath
        The archive, shard or folder.
    inner : str
        With ``/`` between folders.
    """
    stamp = ""
    if isinstance(place, Path):
        status = place.stat()
        stamp = f"{status.st_mtime_ns}-{status.st_size}"
    path = UPath(inner, protocol=PROTOCOL, address=str(place), stamp=stamp)
    assert isinstance(path, PackedPath)
    return path


def open_members(place: Address) -> Members:
    """Open packed data.

    Raises
    ------
    DataError
        It is damaged, or of a kind that can't be read.
    AddressError
        It can't be reached.
    """
    try:
        if is_archive(place.name):
            return _open_archive(place)
        if place.name.endswith(SUFFIX):
            return ShardMembers([place])
        if isinstance(place, Path):
            names = [one.relative_to(place).as_posix() for one in shards_in(place)]
        else:
            folder = FolderMembers(place)
            names = list(shard_names(list(folder.sizes)))
            if not names:
                return folder
        return ShardMembers([place / name for name in sorted(names)])
    except OSError as error:
        raise DataError(f"{place}: can't be read ({failure(error)})") from error


def _open_archive(place: Address) -> Members:
    stream = open_file(place)
    try:
        members = (ZipMembers if is_zip(place.name, stream) else TarMembers)(stream)
    except DataError as error:
        stream.close()
        raise DataError(f"{place}: {error}") from error
    weakref.finalize(members, stream.close)
    return members
