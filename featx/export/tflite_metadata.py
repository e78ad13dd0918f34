"""The metadata of a LiteRT file, as its readers look for it.

A flatbuffer named ``TFLITE_METADATA`` [1]_ describes the model's tensors; the files
that it names follow the model in the same file, as a ZIP archive. The package that
wrote both, `tflite-support`, is no longer maintained; the layout is fixed, and small.

References
----------
.. [1] https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/
   metadata/metadata_schema.fbs
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from featx.export.description import (
    CLASSES_FILE,
    DESCRIPTION_FILE,
    OUTPUT,
    Description,
    add_files,
)

NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER_VERSION = "1.0.0"

DESCRIPTIONS, AXIS_LABELS = 1, 2
"""Types of associated files."""

FEATURE, IMAGE = 1, 2
"""Types of content."""

RGB = 1
"""A colour space."""


def describe_tflite(path: Path, description: Description) -> None:
    """Name the tensors of a model, and put its description into its file."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(path))
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    # The converter leaves the names of its own graph.
    for one in (*signature.inputs, *signature.outputs):
        graph.tensors[one.tensorIndex].name = one.name
    places = {one.tensorIndex: one.name.decode() for one in signature.inputs}
    names = [places[index] for index in graph.inputs]
    content, entry = schema.BufferT(), schema.MetadataT()
    content.data = metadata_of(description, names)
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(content)
    model.metadata = [*(model.metadata or []), entry]
    flatbuffer_utils.write_model(model, str(path))
    add_files(path, description)


def metadata_of(description: Description, names: Sequence[str]) -> bytes:
    """Return the flatbuffer.

    Parameters
    ----------
    description : Description
    names : sequence of str
        The inputs, in the file's order.
    """
    new = _Tables()
    by_name = {one["name"]: one for one in description.inputs}
    inputs = new.vector([_image(new, by_name[name]) for name in names])
    outputs = new.vector([_probabilities(new)])
    graph = new.table(None, None, inputs, outputs)
    files = new.vector([_file(new, DESCRIPTION_FILE, DESCRIPTIONS)])
    root = new.table(
        new.text(description.run),
        new.text("Image classifier, made by featx"),
        new.text(str(description.facts["featx"])),
        new.vector([graph]),
        None,
        None,
        files,
        new.text(PARSER_VERSION),
    )
    return new.finish(root)


def _image(new: "_Tables", facts: dict[str, Any]) -> "_Offset":
    size = None
    if facts["image_size"]:
        side = _UInt(facts["image_size"])
        size = new.table(side, side)
    image = new.table(_Byte(RGB), size)
    content = new.table(_Byte(IMAGE), image)
    low, high = (new.floats([float(value)]) for value in facts["range"])
    text = new.text(f"uint8 RGB from 0 to 255; {facts['resizing']}")
    name = new.text(facts["name"])
    return new.table(name, text, None, content, None, new.table(high, low))


def _probabilities(new: "_Tables") -> "_Offset":
    content = new.table(_Byte(FEATURE), new.table())
    stats = new.table(new.floats([1.0]), new.floats([0.0]))
    labels = new.vector([_file(new, CLASSES_FILE, AXIS_LABELS)])
    text = new.text("Probability of each class")
    return new.table(new.text(OUTPUT), text, None, content, None, stats, labels)


def _file(new: "_Tables", name: str, kind: int) -> "_Offset":
    return new.table(new.text(name), None, _Byte(kind))


class _Offset(NamedTuple):
    """Where something stands in the buffer."""

    value: int


class _Byte(NamedTuple):
    value: int


class _UInt(NamedTuple):
    value: int


class _Tables:
    """Writes tables of a flatbuffer by the places of their fields."""

    def __init__(self) -> None:
        import flatbuffers

        self._builder = flatbuffers.Builder(1024)

    def text(self, words: str) -> _Offset:
        return _Offset(self._builder.CreateString(words, errors="backslashreplace"))

    def floats(self, values: Sequence[float]) -> _Offset:
        self._builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self._builder.PrependFloat32(value)
        return _Offset(self._builder.EndVector())

    def vector(self, tables: Sequence[_Offset]) -> _Offset:
        self._builder.StartVector(4, len(tables), 4)
        for one in reversed(tables):
            self._builder.PrependUOffsetTRelative(one.value)
        return _Offset(self._builder.EndVector())

    def table(self, *fields: _Offset | _Byte | _UInt | None) -> _Offset:
        """Write a table; None leaves a field out."""
        builder = self._builder
        builder.StartObject(len(fields))
        for place, field in enumerate(fields):
            if isinstance(field, _Offset):
                builder.PrependUOffsetTRelativeSlot(place, field.value, 0)
            elif isinstance(field, _UInt):
                builder.PrependUint32Slot(place, field.value, 0)
            elif isinstance(field, _Byte):
                builder.PrependUint8Slot(place, field.value, 0)
        return _Offset(builder.EndObject())

    def finish(self, root: _Offset) -> bytes:
        self._builder.Finish(root.value, file_identifier=IDENTIFIER)
        return bytes(self._builder.Output())
