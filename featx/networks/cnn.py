"""A small convolutional network with batch normalisation and dropout."""

from typing import Any

DROPOUT = 0.5


def cnn(keras: Any, images: Any) -> Any:
    """Add two blocks of 5x5 and 3x3 convolutions and two dense layers.

    Parameters
    ----------
    keras : module
    images : keras.KerasTensor, shape (N, side, side, 3)

    Returns
    -------
    keras.KerasTensor, shape (N, 128)
    """
    layers = keras.layers
    x = images
    for filters in (32, 64):
        for kernel in (5, 3):
            x = layers.Conv2D(filters, kernel, padding="same")(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(DROPOUT)(layers.Dense(128, activation="relu")(x))
    return x
