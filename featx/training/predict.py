"""Probabilities from a Keras model of images."""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_tensorflow, with_constants
from featx.training.batches import Samples

if TYPE_CHECKING:
    import keras


UNTRACED_CALLS = 6
"""Calls of a model after which its graph is worth making: ResNet50 takes 0.3 s longer
for a batch layer by layer, and its graph 3 s to make."""


def predict(
    model: "keras.Model", samples: Samples, *, batch_size: int
) -> NDArray[np.float64]:
    """Return a model's probabilities, shape (n, n_classes); each row sums to one.

    Parameters
    ----------
    model : keras.Model
        From images, one input per size, to probabilities.
    samples : Samples
    batch_size : int
        Images per run of the model.
    """
    run = traced(model)
    found = [
        run(*samples.take(slice(start, start + batch_size)))[0].numpy()
        for start in range(0, len(samples), batch_size)
    ]
    return normal(np.concatenate(found))


def normal(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities in float64, each row divided by its sum.

    In float32 they sum to one only up to rounding.
    """
    exact = probabilities.astype(np.float64)
    divided: NDArray[np.float64] = exact / exact.sum(axis=1, keepdims=True)
    return divided


def traced(model: "keras.Model", *, freeze: bool = False) -> Callable[..., list[Any]]:
    """Return a model as one graph: from arrays, one per input, to a list of tensors.

    It runs in inference mode, with the weights that the model has when it is called.

    Parameters
    ----------
    model : keras.Model
    freeze : bool
        Make constants of the weights: the graph takes longer to make and runs faster,
        small models by a quarter.
    """
    tf = import_tensorflow()
    signature = [tf.TensorSpec(one.shape, one.dtype) for one in model.inputs]
    call = with_constants(model) if freeze else partial(model, training=False)
    graph: Callable[..., list[Any]] = tf.function(
        _of_arrays(model, call), input_signature=signature, autograph=False
    )
    return graph


def traced_later(model: "keras.Model") -> Callable[..., list[Any]]:
    """Return what `traced` returns, but run layer by layer for the first calls.

    To trace a deep network takes seconds, as long as some batches layer by layer.
    """
    by_layer, graph, calls = untraced(model), traced(model), count()

    def run(*inputs: Any) -> list[Any]:
        return by_layer(*inputs) if next(calls) < UNTRACED_CALLS else graph(*inputs)

    return run


def untraced(model: "keras.Model") -> Callable[..., list[Any]]:
    """Return what `traced` returns, run layer by layer.

    For a single batch, to trace takes longer than to run.
    """
    return _of_arrays(model, partial(model, training=False))


def _of_arrays(
    model: "keras.Model", call: Callable[..., Any]
) -> Callable[..., list[Any]]:
    """Return a call of a model as one from arrays to a list."""
    several = isinstance(model.input, list | tuple)

    def run(*inputs: Any) -> list[Any]:
        found = call(list(inputs) if several else inputs[0])
        return list(found) if isinstance(found, list | tuple) else [found]

    return run
