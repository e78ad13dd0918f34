"""What an exported model says of itself, in the file."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.atomic import json_bytes
from featx.export.settings import ExportSettings
from featx.images.resizing import PADDING
from featx.images.sources import View
from featx.runs.predictions import UNDECODED
from featx.runs.run import Run

if TYPE_CHECKING:
    import keras

FORMAT = "featx-model"
VERSION = 1
DESCRIPTION_FILE = "featx.json"
CLASSES_FILE = "classes.txt"
OUTPUT = "probabilities"
"""Name of the output, in every format."""

RESIZING = {
    "squash": "the whole image, without regard to its aspect ratio; bilinear with"
    " half-pixel centres, not antialiased",
    "crop": "7/8 of the shorter side, cut out of the centre; bicubic, antialiased",
    "pad": "the whole image, filled up with RGB {} to a square; bicubic,"
    " antialiased".format(", ".join(map(str, PADDING))),
}
"""How an image becomes a square, in words."""

REDUCING = (
    "an image at least 2, 4 or 8 times as large as that needs is brought to 1/2, 1/4"
    " or 1/8 of its size first: a JPEG while it is decoded, others by the mean of each"
    " block"
)


@dataclass(frozen=True)
class Description:
    """What the users of a model have to know.

    Attributes
    ----------
    run : str
        The run's name.
    classes : list of str
        In the order of the output's columns.
    inputs : list of dict
        For each input its `name`, `dtype`, `shape` with None where it is open, what the
        pixels are, and how an image is resized for it.
    """

    run: str
    classes: list[str]
    inputs: list[dict[str, Any]]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """All of it, as JSON can say it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "featx": version("featx"),
            "run": self.run,
            "inputs": self.inputs,
            "reducing": REDUCING,
            "output": {"name": OUTPUT, "shape": [None, len(self.classes)]},
            "classes": self.classes,
        }

    @property
    def class_lines(self) -> bytes:
        """A line per class; the facts keep line breaks in names."""
        lines = [" ".join(name.splitlines()) + "\n" for name in self.classes]
        return "".join(lines).encode("utf-8", UNDECODED)

    @property
    def files(self) -> Mapping[str, bytes]:
        """The description as files by name, for formats that hold some."""
        facts = json_bytes(self.facts)
        return {DESCRIPTION_FILE: facts, CLASSES_FILE: self.class_lines}


def describe(
    run: Run, model: "keras.Model", settings: ExportSettings = ExportSettings()
) -> Description:
    """Return the description of a run's model, presented as the settings say."""
    if settings.with_resize:
        (photos,) = model.inputs
        inputs = [_describe_photos(photos, run.views)]
    else:
        pairs = zip(model.inputs, run.views, strict=True)
        inputs = [_describe_input(one, view) for one, view in pairs]
    return Description(run.name, run.classes, inputs)


def _describe_input(tensor: Any, view: View) -> dict[str, Any]:
    return {
        **_describe_tensor(tensor),
        "image_size": view.side,
        "resize": view.resize,
        "resizing": RESIZING[view.resize],
        "stretch": view.stretch,
    }


def _describe_photos(tensor: Any, views: Sequence[View]) -> dict[str, Any]:
    """Describe an input for photos of any size, and what the model makes of them."""
    ways = "; ".join(f"to {one.side}: {RESIZING[one.resize]}" for one in views)
    return {
        **_describe_tensor(tensor),
        "image_size": None,
        "resize": None,
        "resizing": f"any size; the model resizes photos {ways}",
        "stretch": any(view.stretch for view in views),
    }


def _describe_tensor(tensor: Any) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "dtype": "uint8",
        "shape": list(tensor.shape),
        "channels": "RGB",
        "range": [0, 255],
    }


def add_files(path: Path, description: Description) -> None:
    """Add the description to a ZIP archive, or to a file that may end in one."""
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in description.files.items():
            archive.writestr(name, content)


def fill_folder(path: Path, description: Description) -> None:
    """Write the description into the folder that a SavedModel keeps for others."""
    folder = path / "assets.extra"
    folder.mkdir()
    for name, content in description.files.items():
        (folder / name).write_bytes(content)


def named_outputs(model: "keras.Model") -> dict[str, Any]:
    """Return a model's output by name, for formats that take names from there."""
    outputs: Sequence[Any] = model.outputs
    return {OUTPUT: outputs[0]}
