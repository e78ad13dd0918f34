"""BaseNet and BaseNet++, the first and the last network of a university course."""

from typing import Any


def shallow(keras: Any, images: Any, *, batchnorm: bool) -> Any:
    """Add BaseNet's convolutions; with 25 classes at 32x32 it has 24,197 parameters.

    Parameters
    ----------
    keras : module
    images : keras.KerasTensor, shape (N, side, side, 3)
    batchnorm : bool

    Returns
    -------
    keras.KerasTensor, shape (N, h, w, 16)
    """
    x = images
    for filters in (6, 16):
        x = _convolved(keras, x, filters, 5, batchnorm=batchnorm)
        x = keras.layers.MaxPooling2D(2)(x)
    return x


def deep(keras: Any, images: Any, *, batchnorm: bool) -> Any:
    """Add BaseNet++'s convolutions; with 25 classes at 32x32 it has 809,945 parameters.

    The parameters are those of `shallow`; it returns maps of shape (N, h, w, 64).
    """
    layers = keras.layers
    x = _convolved(keras, images, 128, 3, padding="same", batchnorm=batchnorm)
    x = _convolved(keras, x, 128, 3, batchnorm=batchnorm)
    x = layers.MaxPooling2D(2)(x)
    x = _convolved(keras, x, 64, 5, batchnorm=batchnorm)
    return layers.MaxPooling2D(2)(x)


def _convolved(
    keras: Any,
    x: Any,
    filters: int,
    kernel: int,
    *,
    batchnorm: bool,
    padding: str = "valid",
) -> Any:
    layers = keras.layers
    x = layers.Conv2D(filters, kernel, padding=padding)(x)
    x = layers.BatchNormalization()(x) if batchnorm else x
    return layers.ReLU()(x)
