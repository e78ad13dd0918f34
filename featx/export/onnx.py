"""Write a Keras model as ONNX with tf2onnx, and load it with ONNX Runtime."""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.export.description import OUTPUT, Description
from featx.frameworks import ignoring, import_keras, import_tensorflow

if TYPE_CHECKING:
    import keras


def write_onnx(model: "keras.Model", path: Path) -> None:
    """Write a Keras model of uint8 images to a file.

    Raises
    ------
    Exception
        tf2onnx can't convert the model; it raises exceptions of any type.
    """
    keras = import_keras()
    _register_erfc()
    frozen = _freeze(model)

    class Frozen(keras.layers.Layer):  # type: ignore[misc, name-defined]
        """The model with its weights as constants."""

        def call(self, images: Any) -> Any:
            return frozen(*(images if isinstance(images, list) else [images]))

    inputs = [
        keras.Input(one.shape[1:], dtype=one.dtype, name=one.name)
        for one in model.inputs
    ]
    given = inputs if len(inputs) > 1 else inputs[0]
    specs = [keras.InputSpec(one.dtype, one.shape, name=one.name) for one in inputs]
    # Without it, Keras needs a model that was called before.
    signature = [specs] if len(inputs) > 1 else specs
    whole = keras.Model(given, Frozen(name=OUTPUT)(given))
    # Keras patches tf2onnx for NumPy 2, and NumPy warns about the name it looks up.
    with ignoring("In the future `np.object`", FutureWarning), _silent("tf2onnx"):
        whole.export(path, format="onnx", verbose=False, input_signature=signature)


def _freeze(model: "keras.Model") -> Callable[..., Any]:
    """Return a model as a function without captured tensors.

    tf2onnx supports neither captured tensors, such as the mean of Keras' normalisation,
    nor nested functions, such as Keras' grouped convolution.
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
    tf.config.run_functions_eagerly(True)  # traces nested functions inline
    try:
        traced = tf.function(call).get_concrete_function(*inputs)
    finally:
        tf.config.run_functions_eagerly(was)
    frozen: Callable[..., Any] = convert_variables_to_constants_v2(traced)
    return lambda *images: frozen(*images)[0]


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    """Silence a logger: tf2onnx logs each optimisation that fails."""
    logger, nowhere = logging.getLogger(name), logging.NullHandler()
    was = logger.propagate
    logger.propagate = False
    logger.addHandler(nowhere)
    try:
        yield
    finally:
        logger.propagate = was
        logger.removeHandler(nowhere)


def _register_erfc() -> None:
    """Add the operation 1 - erf(x), which ConvNeXt's GELU needs, to tf2onnx."""
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


def describe_onnx(path: Path, description: Description) -> None:
    """Name the output and the open dimensions, and add the description as metadata."""
    import onnx

    model = onnx.load(path)
    (output,) = model.graph.output
    _rename(model.graph, output.name, OUTPUT)
    for one in (*model.graph.input, output):
        for place, dimension in enumerate(one.type.tensor_type.shape.dim):
            if not dimension.dim_value:
                dimension.dim_param = DIMENSIONS[place]
    texts = {name: _text(value) for name, value in description.facts.items()}
    onnx.helper.set_model_props(model, texts)
    model.graph.name = texts["run"]
    onnx.save(model, path)


DIMENSIONS = "batch", "height", "width"


def _text(value: Any) -> str:
    """Return words as they are, and other values as JSON."""
    words = value if isinstance(value, str) else json.dumps(value)
    return words.encode(errors="backslashreplace").decode()


def _rename(graph: Any, old: str, new: str) -> None:
    """Rename a tensor wherever a graph mentions it."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for one in (*graph.output, *graph.value_info):
        if one.name == old:
            one.name = new


def open_onnx(path: Path) -> Callable[[Mapping[str, NDArray[Any]]], Any]:
    """Load a file as its users do, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, dict(images))[0]
