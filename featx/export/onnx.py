"""Writing a Keras model as ONNX with tf2onnx, and asking it with ONNX Runtime."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import ignoring, import_keras, import_tensorflow

if TYPE_CHECKING:
    import keras


def write_onnx(model: "keras.Model", path: Path) -> None:
    """Write a Keras model of uint8 images to a file.

    Raises
    ------
    Exception
        Whatever tf2onnx raises for what it can't convert.
    """
    keras = import_keras()
    _teach_erfc()
    frozen = _freeze(model)

    class Frozen(keras.layers.Layer):  # type: ignore[misc, name-defined]
        """The model, of which only its constants are left."""

        def call(self, images: Any) -> Any:
            return frozen(*(images if isinstance(images, list) else [images]))

    inputs = [
        keras.Input(one.shape[1:], dtype=one.dtype, name=one.name)
        for one in model.inputs
    ]
    given = inputs if len(inputs) > 1 else inputs[0]
    specs = [keras.InputSpec(one.dtype, one.shape, name=one.name) for one in inputs]
    # Left to Keras, it asks for a model that was called before.
    signature = [specs] if len(inputs) > 1 else specs
    whole = keras.Model(given, Frozen(name="probabilities")(given))
    # Keras mends tf2onnx for NumPy 2, and NumPy warns of the name that it asks for.
    with ignoring("In the future `np.object`", FutureWarning), _silent("tf2onnx"):
        whole.export(path, format="onnx", verbose=False, input_signature=signature)


def _freeze(model: "keras.Model") -> Callable[..., Any]:
    """Return a model as a function that takes nothing from outside.

    tf2onnx knows no tensors that a function has from outside, such as the mean of
    Keras' normalisation, and no functions within, such as Keras' grouped convolution.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    tf = import_tensorflow()
    inputs = [tf.TensorSpec(one.shape, one.dtype, one.name) for one in model.inputs]
    several = isinstance(model.input, list)

    def call(*images: Any) -> Any:
        return model(list(images) if several else images[0], training=False)

    was = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)  # functions within are traced in place
    try:
        traced = tf.function(call).get_concrete_function(*inputs)
    finally:
        tf.config.run_functions_eagerly(was)
    frozen: Callable[..., Any] = convert_variables_to_constants_v2(traced)
    return lambda *images: frozen(*images)[0]


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a logger still: tf2onnx tells of each optimisation that it can't do."""
    logger, nowhere = logging.getLogger(name), logging.NullHandler()
    was = logger.propagate
    logger.propagate = False
    logger.addHandler(nowhere)
    try:
        yield
    finally:
        logger.propagate = was
        logger.removeHandler(nowhere)


def _teach_erfc() -> None:
    """Tell tf2onnx of the operation of ConvNeXt's GELU that it lacks: 1 - erf(x)."""
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
            dtype = graph.get_dtype(node.output[0])
            one = graph.make_const(f"{node.name}_one", np.ones((), np.float32))
            erf = graph.make_node("Erf", node.input, dtypes=[dtype])
            graph.remove_node(node.name)
            inputs = [one.output[0], erf.output[0]]
            graph.make_node("Sub", inputs, name=node.name, outputs=node.output)


def open_onnx(path: Path) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
    """Load a file as its users do, on the processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def answer(images: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        found: NDArray[Any] = session.run(None, dict(images))[0]
        return found

    return answer
