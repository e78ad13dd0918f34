"""A fitted head as one file: arrays and JSON in safetensors' format, and no code.

The head is built again through the table of heads, its layers through the table of
layers. See `docs/formats.md`.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sklearn.utils.validation import check_is_fitted

from featx.errors import HeadError
from featx.heads.base import Head
from featx.heads.layers import LAYERS, Layer
from featx.heads.table import find_head, make_head, naming
from featx.heads.trees import Trees

FORMAT = "featx-head"
VERSION = 1

Arrays = dict[str, NDArray[Any]]
LearnedName = Annotated[str, Field(pattern=r"^[a-z]\w*_$")]
"""scikit-learn's names of what is learned: they can't stand for a method."""

KINDS: Mapping[str, type[Any]] = MappingProxyType({**LAYERS, "trees": Trees})
"""The kinds of layers by the names that files give them."""

_LEARNED = TypeAdapter(dict[LearnedName, Any])


class HeadRecord(BaseModel):
    """What a head's file says in JSON.

    Attributes
    ----------
    head : str
        Its name, which `find_head` knows.
    parameters : dict
        By name, as `make_head` takes them.
    values : dict
        What was learned that is neither an array nor a list of layers.
    layers : dict of str to list of dict
        Lists of layers: the `kind` of each in `KINDS`, and its fields but the arrays,
        which are the file's ``<name>.<number>.<field>``.
    fortran : list of str
        Arrays that were in Fortran order: sums in another order have other last bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: str
    parameters: dict[str, Any]
    values: dict[LearnedName, Any]
    layers: dict[LearnedName, list[dict[str, Any]]]
    fortran: list[str]


def head_bytes(head: Head) -> bytes:
    """Return the content of a fitted head's file.

    Raises
    ------
    HeadError
        It has learned something that is neither a number, an array of them, nor layers.
    """
    from safetensors.numpy import save

    arrays, values, layers = _separate(head)
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise HeadError(f"{name}: {array.dtype} can't be written, only numbers can")
    name, parameters = naming(head)
    record = HeadRecord(
        head=name,
        parameters=parameters,
        values=values,
        layers=layers,
        fortran=[name for name, array in arrays.items() if array.flags.fnc],
    )
    text = json.dumps(record.model_dump(), default=_plain)
    facts = {"format": FORMAT, "version": str(VERSION), "head": text}
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content: bytes = save(whole, facts)
    return content


def count_numbers(head: Head) -> int:
    """Return how many numbers a fitted head has learned; of trees, bytes."""
    return sum(array.size for array in _separate(head)[0].values())


def _separate(
    head: Head,
) -> tuple[Arrays, dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Return arrays, other values, and layers that a head has learned, by name."""
    arrays: Arrays = {}
    values: dict[str, Any] = {}
    layers: dict[str, list[dict[str, Any]]] = {}
    for name, value in _LEARNED.validate_python(head.get_learned()).items():
        if isinstance(value, np.ndarray):
            arrays[name] = value
        elif isinstance(value, list):
            layers[name] = [
                _layer_settings(layer, f"{name}.{number}", arrays)
                for number, layer in enumerate(value)
            ]
        else:
            values[name] = value
    return arrays, values, layers


def read_head(path: Path) -> Head:
    """Read a head from its file. No code in the file can run: it holds none.

    Raises
    ------
    HeadError
        The file was written by a newer featx, or what it says is no head. Content that
        is damaged raises the errors of safetensors, pydantic and the heads as well.
    """
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        facts = file.metadata() or {}
        if facts.get("format") != FORMAT:
            raise HeadError("not a head of featx; make the run again")
        if int(facts["version"]) > VERSION:
            raise HeadError("written by a newer featx; upgrade to read it")
        record = HeadRecord.model_validate_json(facts["head"])
        names = file.keys()
        stored: Arrays = {name: file.get_tensor(name) for name in names}
    arrays = {
        name: np.array(array, order="F" if name in record.fortran else "C")
        for name, array in stored.items()
    }
    former = find_head(record.head).former
    parameters = {  # no parameter is a list, but a shape is a tuple
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record.parameters.items()
        if name not in former
    }
    head = make_head(record.head, **parameters)
    learned = {name: array for name, array in arrays.items() if "." not in name}
    layers = {
        name: [
            _layer(one, f"{name}.{number}", arrays)
            for number, one in enumerate(settings)
        ]
        for name, settings in record.layers.items()
    }
    head.set_learned({**record.values, **_LEARNED.validate_python(learned), **layers})
    return checked_head(head)


def checked_head(head: object) -> Head:
    """Return a head after it has predicted a row of zeros.

    Raises
    ------
    HeadError
        It is no head, or gives no probabilities. One that lacks what it should have
        learned raises the error that this leads to.
    """
    if not isinstance(head, Head):
        raise HeadError(
            f"a {type(head).__name__}, not a head of featx; make the run again"
        )
    check_is_fitted(head, "n_features_in_")
    row = np.zeros((1, head.n_features_in_), np.float32)
    probabilities = head.predict_proba(row)
    shape = (1, len(head.classes_))
    if probabilities.shape != shape or not np.isfinite(probabilities).all():
        raise HeadError("gives no probabilities; make the run again")
    return head


def _layer_settings(layer: Layer, name: str, arrays: Arrays) -> dict[str, Any]:
    """Return a layer's kind and plain fields; add its arrays to `arrays`."""
    kind = next(key for key, one in KINDS.items() if one is type(layer))
    settings = {"kind": kind}
    for field in fields(KINDS[kind]):
        value = getattr(layer, field.name)
        if isinstance(value, np.ndarray):
            arrays[f"{name}.{field.name}"] = value
        else:
            settings[field.name] = value
    return settings


def _layer(settings: dict[str, Any], name: str, arrays: Arrays) -> Layer:
    """Build a layer of its plain fields and its arrays."""
    kind = KINDS[settings["kind"]]
    hints = get_type_hints(kind)
    found = {}
    for field in fields(kind):
        array = arrays.get(f"{name}.{field.name}")
        found[field.name] = (
            TypeAdapter(hints[field.name]).validate_python(settings[field.name])
            if array is None
            else array
        )
    layer: Layer = kind(**found)
    return layer


def _plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise HeadError(f"{type(value).__name__}: can't be written, only numbers can")
