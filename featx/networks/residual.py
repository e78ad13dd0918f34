"""A residual network after He et al., Deep Residual Learning, 2015."""

from typing import Any

FILTERS = (32, 64, 128)
POOL = 4


def residual(keras: Any, images: Any, *, batchnorm: bool) -> Any:
    """Add three residual stages, each pooled by 4.

    Parameters
    ----------
    keras : module
    images : keras.KerasTensor, shape (N, side, side, 3)
    batchnorm : bool

    Returns
    -------
    keras.KerasTensor, shape (N, h, w, 128)
    """
    x = images
    for filters in FILTERS:
        x = _stage(keras, x, filters, batchnorm=batchnorm)
        x = keras.layers.MaxPooling2D(POOL)(x)
    return x


def _stage(keras: Any, x: Any, filters: int, *, batchnorm: bool) -> Any:
    """Add two convolutions to a projection of what goes into them."""
    layers = keras.layers

    def convolved(x: Any, kernel: int) -> Any:
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=not batchnorm)(x)
        return layers.BatchNormalization()(x) if batchnorm else x

    inner = layers.ReLU()(convolved(x, 3))
    return layers.ReLU()(layers.Add()([convolved(inner, 3), convolved(x, 1)]))
