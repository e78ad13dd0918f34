"""The formats of exported models: how each is written and loaded by its own library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from featx.errors import ExportError
from featx.export.description import (
    Description,
    add_files,
    fill_folder,
    named_outputs,
)
from featx.export.onnx import describe_onnx, open_onnx, write_onnx
from featx.export.settings import ExportSettings
from featx.export.tflite import open_tflite, write_tflite
from featx.export.tflite_metadata import describe_tflite
from featx.frameworks import import_keras, import_tensorflow

if TYPE_CHECKING:
    import keras

Predict = Callable[[Mapping[str, NDArray[Any]]], Any]
"""From uint8 images by input, each (n, side, side, 3), to an array of probabilities."""


@dataclass(frozen=True)
class ModelFormat:
    """One format.

    Attributes
    ----------
    name : str
    file : str
        Its name in the export folder.
    write : callable
        Writes a Keras model to a path: an empty file or folder.
    describe : callable
        Puts a description into what was written.
    open : callable
        Loads a file or folder as its users do; returns a function that predicts.
    versions : tuple of str
        Packages that write it.
    extra : str
        The extra of featx with these packages; empty if TensorFlow is enough.
    folder : bool
        Whether it is a folder of files.
    quantizes : bool
        Whether `write` also takes how to quantise, and images to measure ranges on.
    """

    name: str
    file: str
    write: Callable[..., None]
    describe: Callable[[Path, Description], None]
    open: Callable[[Path], Predict]
    versions: tuple[str, ...] = ("tensorflow", "keras")
    extra: str = ""
    folder: bool = False
    quantizes: bool = False

    def file_of(self, settings: ExportSettings) -> str:
        """Return the file's name, which says what the settings ask for."""
        stem, dot, ending = self.file.partition(".")
        return f"{stem}{settings.suffix}{dot}{ending}"


def find_format(name: str, settings: ExportSettings) -> ModelFormat:
    """Return a format whose packages are installed.

    Raises
    ------
    ExportError
        There is no such format, its packages are not installed, or it can't be written
        as the settings ask for.
    """
    if name not in MODEL_FORMATS:
        raise ExportError(
            f"'{name}' is not a format; choose one of {', '.join(MODEL_FORMATS)}"
        )
    wanted = MODEL_FORMATS[name]
    if settings.quantize and not wanted.quantizes:
        able = " or ".join(row.name for row in MODEL_FORMATS.values() if row.quantizes)
        raise ExportError(
            f"--quantize {settings.quantize} is for --format {able}, not {name}"
        )
    missing = [one for one in wanted.versions if find_spec(one) is None]
    if missing:
        raise ExportError(
            f"--format {name}: {', '.join(missing)} not installed; pip install"
            f' "featx[{wanted.extra}]"'
        )
    return wanted


def _write_keras(model: "keras.Model", path: Path) -> None:
    model.save(path)


def _open_keras(path: Path) -> Predict:
    model = import_keras().saving.load_model(path, safe_mode=True)
    names = [one.name for one in model.inputs]

    def predict(images: Mapping[str, NDArray[Any]]) -> Any:
        given = [images[name] for name in names]
        several = isinstance(model.input, list)
        return model.predict_on_batch(given if several else given[0])

    return predict


def _write_saved_model(model: "keras.Model", path: Path) -> None:
    model = import_keras().Model(model.input, named_outputs(model))
    model.export(path, format="tf_saved_model", verbose=False)


def _open_saved_model(path: Path) -> Predict:
    tf = import_tensorflow()
    loaded = tf.saved_model.load(str(path))

    def predict(images: Mapping[str, NDArray[Any]]) -> Any:
        given = {name: tf.constant(array) for name, array in images.items()}
        # A signature alone doesn't keep its variables alive.
        (found,) = loaded.signatures["serving_default"](**given).values()
        return found.numpy()

    return predict


MODEL_FORMATS = {
    row.name: row
    for row in (
        ModelFormat("keras", "model.keras", _write_keras, add_files, _open_keras),
        ModelFormat(
            "savedmodel",
            "savedmodel",
            _write_saved_model,
            fill_folder,
            _open_saved_model,
            folder=True,
        ),
        ModelFormat(
            "tflite",
            "model.tflite",
            write_tflite,
            describe_tflite,
            open_tflite,
            quantizes=True,
        ),
        ModelFormat(
            "onnx",
            "model.onnx",
            write_onnx,
            describe_onnx,
            open_onnx,
            versions=("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime"),
            extra="onnx",
        ),
    )
}
"""In the order in which they are written."""
