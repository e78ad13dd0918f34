"""A residual network after He et al., Deep Residual Learning, 2015."""

from typing import Any

FILTERS = (32, 64, 128)
POOL = 4
L1, L2 = 1e-5, 1e-4


def residual(keras: Any, images: Any) -> Any:
    """Add three residual stages, each pooled by 4, and two dense layers.

    Parameters
    ----------
    keras : module
    images : keras.KerasTensor, shape (N, side, side, 3)

    Returns
    -------
    keras.KerasTensor, shape (N, 256)
    """
    layers = keras.layers
    x = images
    for filters in FILTERS:
        x = layers.MaxPooling2D(POOL)(_stage(keras, x, filters))
    x = layers.Flatten()(x)
    for _ in range(2):
        penalty = keras.regularizers.L1L2(l1=L1, l2=L2)
        x = layers.Dense(256, activation="relu", kernel_regularizer=penalty)(x)
    return x


def _stage(keras: Any, x: Any, filters: int) -> Any:
    """Add two convolutions to a projection of what goes into them."""
    layers = keras.layers

    def convolved(x: Any, kernel: int) -> Any:
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inner = layers.ReLU()(convolved(x, 3))
    return layers.ReLU()(layers.Add()([convolved(inner, 3), convolved(x, 1)]))
