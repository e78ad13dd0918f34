"""Where files are: a path on this machine, or an address such as ``s3://bucket/data``.

fsspec knows how to reach addresses, and universal_pathlib gives them the methods of
Python's paths. Both are imported only where there is an address.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.errors import AddressError, FeatxError, first_line

if TYPE_CHECKING:
    from upath import UPath

    Address = Path | UPath
else:

    class Address:
        """A `Path` where the file is on this machine, else a `UPath`."""

        @classmethod
        def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
            """Take what a validator has made, and write it as text."""
            from pydantic_core import core_schema

            return core_schema.any_schema(
                serialization=core_schema.plain_serializer_function_ser_schema(
                    str, when_used="json"
                )
            )

        @classmethod
        def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> Any:
            """Describe it as pydantic describes a path."""
            return {"type": "string", "format": "path"}


Location = str | os.PathLike[str] | Address
"""What the Python API takes for a path or an address."""

LOCAL = ("file", "local")
"""Protocols of this machine's own files."""


def as_address(given: Location) -> Address:
    """Return what a text means: a path, or an address where it has a protocol.

    Raises
    ------
    AddressError
        No package is installed that knows the protocol.
    """
    if not isinstance(given, str | Path):
        from upath import UPath

        if isinstance(given, UPath):
            return given
    text = os.fspath(given)
    protocol, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    if protocol in LOCAL:
        return Path(rest)
    return _remote(protocol, text)


def _remote(protocol: str, text: str) -> "UPath":
    from fsspec import get_filesystem_class
    from upath import UPath

    try:
        get_filesystem_class(protocol.rpartition("::")[2])
    except ValueError:
        raise AddressError(
            f"{text}: no protocol '{protocol}'; use s3, gs, https or another one that"
            " fsspec knows, or a path"
        ) from None
    except ImportError as error:
        raise AddressError(f"{text}: {first_line(error)}") from None
    return UPath(text)


def as_folder(given: Location) -> Address:
    """Return the path or address of a folder that others may write to meanwhile.

    Raises
    ------
    AddressError
        No package is installed that knows the protocol.
    """
    folder = as_address(given)
    if isinstance(folder, Path):
        return folder
    # What others have written since a listing was read would stay unseen.
    options = {**folder.storage_options, "use_listings_cache": False}
    again: UPath = type(folder)(str(folder), **options)
    return again


def make_folder(folder: Address) -> None:
    """Make a folder with those above it; at an address it is there with its files.

    Raises
    ------
    OSError
        It can't be made.
    """
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)


def rename(path: Address, name: str) -> None:
    """Give a file another name in its folder, in place of a file that has it.

    Raises
    ------
    OSError
        It can't be renamed.
    """
    if isinstance(path, Path):
        path.replace(path.with_name(name))
        return
    with reaching(path):
        path.fs.mv(path.path, path.with_name(name).path)


@contextlib.contextmanager
def reaching(address: Address) -> Iterator[None]:
    """Turn what libraries of object stores raise about an address into OSError."""
    try:
        yield
    except (OSError, FeatxError):
        raise
    except Exception as error:
        if isinstance(address, Path):
            raise
        raise OSError(errno.EIO, first_line(error), str(address)) from error


def own_cache() -> Path:
    """Return the folder of this machine for what can be fetched or made again."""
    from platformdirs import user_cache_path

    return user_cache_path("featx", appauthor=False)


def is_address(value: Any) -> bool:
    """Return whether something is a path, of this machine or elsewhere."""
    return isinstance(value, os.PathLike) or hasattr(value, "protocol")


def is_local(path: Any) -> bool:
    """Return whether a path is one of this machine's file system."""
    return isinstance(path, Path)


def failure(error: Exception) -> str:
    """Return in a few words why an address can't be reached."""
    reason = getattr(error, "strerror", None) or first_line(error)
    if "://" not in reason:
        return reason
    # Only the address again.
    cause = error.__cause__ or error.__context__
    return first_line(cause) if cause else "not found, or no connection"
