"""BaseNet and BaseNet++, the first and the last network of a university course."""

from typing import Any

DROPOUT = 0.25


def basenet(keras: Any, images: Any) -> Any:
    """Add BaseNet's layers; 24,197 parameters at 32x32 with 25 classes.

    Parameters
    ----------
    keras : module
    images : keras.KerasTensor, shape (N, side, side, 3)

    Returns
    -------
    keras.KerasTensor, shape (N, 50)
    """
    layers = keras.layers
    x = images
    for filters in (6, 16):
        x = layers.Conv2D(filters, 5, activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    return layers.Dense(50, activation="relu")(layers.Flatten()(x))


def basenet_plus_plus(keras: Any, images: Any) -> Any:
    """Add BaseNet++'s layers; 809,945 parameters at 32x32 with 25 classes.

    Parameters
    ----------
    keras : module
    images : keras.KerasTensor, shape (N, side, side, 3)

    Returns
    -------
    keras.KerasTensor, shape (N, 64)
    """
    layers = keras.layers
    x = _normalised(keras, layers.Conv2D(128, 3, padding="same")(images))
    x = _normalised(keras, layers.Conv2D(128, 3)(x))
    x = layers.MaxPooling2D(2)(x)
    x = _normalised(keras, layers.Conv2D(64, 5)(x))
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    for units in (256, 128, 64):
        x = layers.Dropout(DROPOUT)(layers.Dense(units, activation="relu")(x))
    return x


def _normalised(keras: Any, x: Any) -> Any:
    return keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
