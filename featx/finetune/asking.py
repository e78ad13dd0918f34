"""Asking a grafted model."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.finetune.graft import traced
from featx.finetune.samples import Samples

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
