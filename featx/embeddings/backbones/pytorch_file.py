"""Tensors from a file that PyTorch wrote, without PyTorch and without running code.

A file of PyTorch's format before 1.6 is five pickles (a magic number, the version, the
system's sizes, the state dict and the keys of its storages) and the raw storages.
Unpickling may run code, so the unpickler here can make nothing but tensors.

References
----------
.. [1] ``_legacy_save`` and ``_legacy_load`` of PyTorch's ``torch/serialization.py``
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


class _View(NamedTuple):
    """A tensor: where it lies in a storage, counted in numbers."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _make_view(
    storage: str, offset: int, shape: Any, strides: Any, *_: object
) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles a state dict, and refuses all else.

    Attributes
    ----------
    storages : dict
        Empty arrays by key, of the types and lengths that the tensors name.
    """

    def __init__(self, file: IO[bytes], limit: int) -> None:
        super().__init__(file)
        self.storages: dict[str, NDArray[Any]] = {}
        self._limit = limit

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _make_view
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no tensor")

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, _, count, *_ = pid
        dtype = _DTYPES[kind]
        if not 0 <= count * dtype.itemsize <= self._limit:
            raise pickle.UnpicklingError(f"storage {key} is longer than the file")
        self.storages.setdefault(key, np.empty(count, dtype))
        return str(key)


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Read a state dict of PyTorch's format before 1.6.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to ndarray
        Float32 and int64 arrays by the tensors' names.

    Raises
    ------
    OSError
        The file can't be read.
    ValueError
        It is no such file, is cut short, or holds anything but tensors.
    """
    with path.open("rb") as file:
        try:
            storages, views = _read(file, path.stat().st_size)
            return {name: _tensor(storages, view) for name, view in views.items()}
        except OSError:
            raise
        except Exception as error:  # pickles raise whatever their bytes ask for
            raise ValueError(f"not a state dict of PyTorch: {error}") from error


def _read(
    file: IO[bytes], size: int
) -> tuple[dict[str, NDArray[Any]], dict[str, _View]]:
    """Return the storages and the tensors that lie in them."""
    magic, version, _ = (_TensorUnpickler(file, size).load() for _ in range(3))
    if (magic, version) != (_MAGIC, _VERSION):
        raise ValueError("the file begins otherwise")
    unpickler = _TensorUnpickler(file, size)
    views = unpickler.load()
    for key in _TensorUnpickler(file, size).load():
        storage = unpickler.storages[key]
        count = int.from_bytes(file.read(8), "little")
        content = file.read(storage.nbytes)
        if count != storage.size or len(content) != storage.nbytes:
            raise ValueError(f"storage {key} is cut short")
        storage[:] = np.frombuffer(content, storage.dtype)
    return unpickler.storages, views


def _tensor(storages: dict[str, NDArray[Any]], view: _View) -> NDArray[Any]:
    """Return a tensor as an array of its own."""
    storage = storages[view.storage][view.offset :]
    last = sum((n - 1) * step for n, step in zip(view.shape, view.strides, strict=True))
    if min(view.offset, *view.shape, *view.strides, 0) < 0 or last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    strides = [step * storage.itemsize for step in view.strides]
    return np.lib.stride_tricks.as_strided(storage, view.shape, strides).copy()
