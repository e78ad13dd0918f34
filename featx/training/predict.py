"""Asking a grafted model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_tensorflow
from featx.training.batches import Samples

if TYPE_CHECKING:
    import keras

if TYPE_CHECKING:
    import keras

Asked = Callable[[Samples], NDArray[np.float64]]
"""From images, whose labels don't matter, to probabilities (n, n_classes)."""


def asking(model: "keras.Model", *, batch_size: int) -> Asked:
    """Trace a model, to be asked again and again with the weights that it has then.

    Parameters
    ----------
    model : keras.Model
        From uint8 images, one input per size, to probabilities.
    batch_size : int

    Returns
    -------
    callable
        Its rows sum to one.
    """
    run = traced(model)

    def ask_for(images: Samples) -> NDArray[np.float64]:
        found = [
            run(*images.take(slice(start, start + batch_size)))[0].numpy()
            for start in range(0, len(images), batch_size)
        ]
        probabilities = np.concatenate(found).astype(np.float64)
        # float32 sums to one up to its own rounding only.
        normal: NDArray[np.float64] = probabilities / probabilities.sum(
            axis=1, keepdims=True
        )
        return normal

    return ask_for


def ask(
    model: "keras.Model", images: Samples, *, batch_size: int
) -> NDArray[np.float64]:
    """Return a model's probabilities of images, as `asking` does, once."""
    return asking(model, batch_size=batch_size)(images)


def traced(model: "keras.Model") -> Callable[..., list[Any]]:
    """Return a model as one graph: from arrays, one per input, to a list of tensors.

    Nothing in it trains; weights are those that the model has when it is called.
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
