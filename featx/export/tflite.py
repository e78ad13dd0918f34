"""Write a Keras model as a LiteRT (TensorFlow Lite) file, and load it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.export.description import named_outputs
from featx.frameworks import ignoring, import_keras, import_tensorflow, silenced_stderr

if TYPE_CHECKING:
    import keras

Samples = Mapping[str, NDArray[np.uint8]]
"""Images by input, each (n, side, side, 3)."""

DEPRECATION = "tf.lite.Interpreter is deprecated", UserWarning

IN_FLOAT = (
    *("FULLY_CONNECTED", "SOFTMAX", "ABS", "MAXIMUM", "SQRT", "SIGN"),
    *("GATHER", "LESS", "SELECT_V2", "SUM"),
)
"""Operations of heads, which stay in float32 where the backbones are quantised. A head
weighs features of all magnitudes, and 8 bits for all of them lose the small ones: on 25
birds, the accuracy of softmax fell from 0.854 to 0.227, and with these to 0.843."""


def write_tflite(
    model: "keras.Model",
    path: Path,
    quantize: str | None = None,
    samples: Samples | None = None,
) -> None:
    """Write a Keras model of uint8 images to a file.

    Parameters
    ----------
    model : keras.Model
    path : Path
    quantize : {"float16", "int8"}, optional
    samples : Mapping, optional
        Images on which int8 measures how large numbers get.
    """
    tf = import_tensorflow()
    model = import_keras().Model(model.input, named_outputs(model))
    with tempfile.TemporaryDirectory(prefix="featx-") as folder, silenced_stderr():
        model.export(folder, format="tf_saved_model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # Interpreters on devices lack TensorFlow's own operations.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize == "int8":
            assert samples is not None
            path.write_bytes(_int8(converter, samples))
            return
        if quantize == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())


def _int8(converter: Any, samples: Samples) -> bytes:
    """Quantise all but the head."""
    lite = import_tensorflow().lite
    converter.optimizations = [lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [
        lite.OpsSet.TFLITE_BUILTINS_INT8,
        lite.OpsSet.TFLITE_BUILTINS,
    ]

    def each() -> Iterator[dict[str, NDArray[np.uint8]]]:
        for row in range(len(next(iter(samples.values())))):
            yield {name: array[row : row + 1] for name, array in samples.items()}

    converter.representative_dataset = each
    # What makes quantised models debuggable is also what leaves operations out.
    options = lite.experimental.QuantizationDebugOptions(denylisted_ops=[*IN_FLOAT])
    with ignoring(*DEPRECATION):
        debugger = lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=each, debug_options=options
        )
    found: bytes = debugger.get_nondebug_quantized_model()
    return found


def open_tflite(path: Path) -> Callable[[Mapping[str, NDArray[Any]]], Any]:
    """Load a file as its users do."""
    tf = import_tensorflow()
    with ignoring(*DEPRECATION):
        run = tf.lite.Interpreter(model_path=str(path)).get_signature_runner()

    def predict(images: Mapping[str, NDArray[Any]]) -> Any:
        with silenced_stderr():  # it lists the kernels it uses
            (found,) = run(**images).values()
        return found

    return predict
