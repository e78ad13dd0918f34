"""Tensors from a file that PyTorch wrote, without PyTorch and without running code.

A file of PyTorch's format before 1.6 is five pickles (a magic number, the version, the
system's sizes, the state dict and the keys of its storages) and the raw storages.
Unpickling may run code, and where it can't, a few bytes may still ask Python's
unpickler for gigabytes or days. So the opcodes that PyTorch writes are carried out
here, by an interpreter that knows plain values and tensors and nothing else.

References
----------
.. [1] ``_legacy_save`` and ``_legacy_load`` of PyTorch's ``torch/serialization.py``
.. [2] ``pickletools.py`` of Python, which describes the opcodes
"""

import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        "torch FloatStorage": np.dtype("<f4"),
        "torch LongStorage": np.dtype("<i8"),
    }
)
_DICT, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"


class _Storage(NamedTuple):
    """Numbers in a row; they come after the pickles."""

    key: str
    dtype: np.dtype[Any]
    length: int


class _View(NamedTuple):
    """A tensor: where it lies in a storage, counted in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _checked(value: Any, kind: type) -> Any:
    """Return a value of the kind that belongs there.

    The message doesn't show the value: a small pickle can hold one of endless text.
    """
    if not isinstance(value, kind):
        raise TypeError(f"no tensor needs a value of type {type(value).__name__} there")
    return value


def _integers(values: Any) -> tuple[int, ...]:
    return tuple(_checked(one, int) for one in _checked(values, tuple))


class _Interpreter:
    """Makes the value of a pickle.

    Attributes
    ----------
    stack : list
        Of the values that wait for what is made from them.
    marks : list of int
        Where on the stack groups of values begin.
    memo : dict of int to object
        Values that are used again.
    storages : dict of str to _Storage
        Those of the tensors, by key.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}

    def run(self, file: IO[bytes]) -> Any:
        """Read a pickle, up to its end."""
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name not in _ACTIONS:
                raise ValueError(f"no tensor needs the opcode {opcode.name}")
            _ACTIONS[opcode.name](self, argument)
        return self.stack.pop()

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: None) -> None:
        self.marks.append(len(self.stack))

    def since_mark(self) -> list[Any]:
        return self.last(len(self.stack) - self.marks.pop())

    def last(self, count: int) -> list[Any]:
        start = len(self.stack) - count
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def get(self, place: int) -> None:
        self.push(self.memo[place])

    def extend_list(self, values: list[Any]) -> None:
        _checked(self.stack[-1], list).extend(values)

    def extend_dict(self, values: list[Any]) -> None:
        names = [_checked(name, str) for name in values[::2]]
        _checked(self.stack[-1], dict).update(zip(names, values[1::2], strict=True))

    def name(self, what: str) -> None:
        if what not in {_DICT, _TENSOR, *_DTYPES}:
            raise ValueError(f"{what.replace(' ', '.')} is no tensor")
        self.push(what)

    def call(self, _: None) -> None:
        what, arguments = self.last(2)
        if what == _DICT:
            self.push({})
        elif what == _TENSOR:
            storage, offset, shape, strides, *_ = _checked(arguments, tuple)
            self.push(
                _View(
                    _checked(storage, _Storage),
                    _checked(offset, int),
                    _integers(shape),
                    _integers(strides),
                )
            )
        else:
            raise ValueError("what is called makes no tensor")

    def find_storage(self, _: None) -> None:
        _, kind, key, _, count, *_ = _checked(self.stack.pop(), tuple)
        dtype = _DTYPES[_checked(kind, str)]
        storage = _Storage(_checked(key, str), dtype, _checked(count, int))
        self.push(self.storages.setdefault(storage.key, storage))


_PUSHED = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "NONE")
_ACTIONS: Mapping[str, Callable[[_Interpreter, Any], None]] = MappingProxyType(
    {
        **dict.fromkeys(_PUSHED, _Interpreter.push),
        **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Interpreter.put),
        **dict.fromkeys(("BINGET", "LONG_BINGET"), _Interpreter.get),
        **dict.fromkeys(("PROTO", "STOP"), lambda *_: None),
        "NEWTRUE": lambda self, _: self.push(True),
        "NEWFALSE": lambda self, _: self.push(False),
        "EMPTY_LIST": lambda self, _: self.push([]),
        "EMPTY_DICT": lambda self, _: self.push({}),
        "EMPTY_TUPLE": lambda self, _: self.push(()),
        "TUPLE1": lambda self, _: self.push(tuple(self.last(1))),
        "TUPLE2": lambda self, _: self.push(tuple(self.last(2))),
        "TUPLE3": lambda self, _: self.push(tuple(self.last(3))),
        "TUPLE": lambda self, _: self.push(tuple(self.since_mark())),
        "MARK": _Interpreter.mark,
        "APPEND": lambda self, _: self.extend_list(self.last(1)),
        "APPENDS": lambda self, _: self.extend_list(self.since_mark()),
        "SETITEM": lambda self, _: self.extend_dict(self.last(2)),
        "SETITEMS": lambda self, _: self.extend_dict(self.since_mark()),
        "GLOBAL": _Interpreter.name,
        "REDUCE": _Interpreter.call,
        "BINPERSID": _Interpreter.find_storage,
        # A dict's attributes: the versions of PyTorch's modules.
        "BUILD": lambda self, _: self.last(1).clear(),
    }
)


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Read a state dict of PyTorch's format before 1.6.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to ndarray
        Float32 and int64 arrays by the tensors' names. They are views that can't be
        written to: what they take of memory is no more than the file.

    Raises
    ------
    OSError
        The file can't be read.
    ValueError
        It is no such file, is cut short, or holds anything but tensors.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except OSError:
            raise
        except Exception as error:  # bytes may stand for whatever raises
            raise ValueError(f"not a state dict of PyTorch: {error}") from error


def _read(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the tensors."""
    magic, version, _ = (_Interpreter().run(file) for _ in range(3))
    if (magic, version) != (_MAGIC, _VERSION):
        raise ValueError("the file begins otherwise")
    interpreter = _Interpreter()
    views = _checked(interpreter.run(file), dict)
    storages = {}
    for key in _checked(_Interpreter().run(file), list):
        storage = interpreter.storages[_checked(key, str)]
        count = int.from_bytes(file.read(8), "little")
        content = file.read(storage.length * storage.dtype.itemsize)
        if count != storage.length:
            raise ValueError(f"storage {key} has another length")
        storages[key] = np.frombuffer(content, storage.dtype, count)
    return {name: _tensor(storages, _checked(v, _View)) for name, v in views.items()}


def _tensor(storages: Mapping[str, NDArray[Any]], view: _View) -> NDArray[Any]:
    """Return a tensor, as a view of its storage."""
    storage = storages[view.storage.key][view.offset :]
    last = sum((n - 1) * step for n, step in zip(view.shape, view.strides, strict=True))
    if min(view.offset, *view.shape, *view.strides, 0) < 0 or last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    strides = [step * storage.itemsize for step in view.strides]
    return np.lib.stride_tricks.as_strided(
        storage, view.shape, strides, writeable=False
    )
