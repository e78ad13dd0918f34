"""A small convolutional network with batch normalisation and dropout."""

from typing import Any


def cnn(keras: Any, images: Any, *, batchnorm: bool) -> Any:
    """Add two blocks of 5x5 and 3x3 convolutions.

    Parameters
    ----------
    keras : module
    images : keras.KerasTensor, shape (N, side, side, 3)
    batchnorm : bool

    Returns
    -------
    keras.KerasTensor, shape (N, h, w, 64)
    """
    layers = keras.layers
    x = images
    for filters in (32, 64):
        for kernel in (5, 3):
            x = layers.Conv2D(filters, kernel, padding="same")(x)
            x = layers.BatchNormalization()(x) if batchnorm else x
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D(2)(x)
    return x
