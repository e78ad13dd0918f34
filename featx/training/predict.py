"""Probabilities from a Keras model of images."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_tensorflow
from featx.training.batches import Samples

if TYPE_CHECKING:
    import keras

Predictor = Callable[[Samples], NDArray[np.float64]]
"""From samples to probabilities, shape (n, n_classes); each row sums to one."""


def make_predictor(model: "keras.Model", *, batch_size: int) -> Predictor:
    """Trace a model once, to predict repeatedly with the weights it has at each call.

    Parameters
    ----------
    model : keras.Model
        From images, one input per size, to probabilities.
    batch_size : int
        Images per run of the model.
    """
    run = traced(model)

    def predict_samples(samples: Samples) -> NDArray[np.float64]:
        found = [
            run(*samples.take(slice(start, start + batch_size)))[0].numpy()
            for start in range(0, len(samples), batch_size)
        ]
        return normal(np.concatenate(found))

    return predict_samples


def normal(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities in float64, each row divided by its sum.

    In float32 they sum to one only up to rounding.
    """
    exact = probabilities.astype(np.float64)
    divided: NDArray[np.float64] = exact / exact.sum(axis=1, keepdims=True)
    return divided


def predict(
    model: "keras.Model", samples: Samples, *, batch_size: int
) -> NDArray[np.float64]:
    """Return a model's probabilities, shape (n, n_classes); see `make_predictor`."""
    return make_predictor(model, batch_size=batch_size)(samples)


def traced(model: "keras.Model") -> Callable[..., list[Any]]:
    """Return a model as one graph: from arrays, one per input, to a list of tensors.

    It runs in inference mode, with the weights that the model has when it is called.
    """
    tf = import_tensorflow()
    signature = [tf.TensorSpec(one.shape, one.dtype) for one in model.inputs]
    several = isinstance(model.input, list | tuple)

    def run(*inputs: Any) -> list[Any]:
        found = model(list(inputs) if several else inputs[0], training=False)
        return list(found) if isinstance(found, list | tuple) else [found]

    graph: Callable[..., list[Any]] = tf.function(
        run, input_signature=signature, autograph=False
    )
    return graph
