"""Asking a grafted model."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.finetune.graft import traced
from featx.finetune.samples import Samples

if TYPE_CHECKING:
    import keras


def ask(
    model: "keras.Model", images: Samples, *, batch_size: int
) -> NDArray[np.float64]:
    """Return a model's probabilities of images.

    Parameters
    ----------
    model : keras.Model
        From uint8 images, one input per size, to probabilities.
    images : Samples
        Their labels don't matter.
    batch_size : int

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        Each row sums to one.
    """
    run = traced(model)
    found = [
        run(*images.take(slice(start, start + batch_size)))[0].numpy()
        for start in range(0, len(images), batch_size)
    ]
    probabilities = np.concatenate(found).astype(np.float64)
    # float32 sums to one up to its own rounding only.
    normal: NDArray[np.float64] = probabilities / probabilities.sum(1, keepdims=True)
    return normal
