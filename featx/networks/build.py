"""Build a network as one Keras model, from raw pixels to probabilities.

Normalisation and augmentation are part of its graph, so plain Keras saves and loads it
without featx; augmentation is active in training only.
"""

from pkgutil import resolve_name
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from featx.errors import NetworkError
from featx.frameworks import import_keras, python_seed
from featx.networks.table import NetworkRow
from featx.training.augmentation import Augmentation
from featx.training.augmentation_layers import augment_layers

if TYPE_CHECKING:
    import keras

COURSEWORK = Augmentation("coursework", flip=True, rotation=10, shift=0.2)
"""How the courseworks augmented images for their networks."""

CHUNK = 256


class ChannelStatistics(NamedTuple):
    """Mean and variance of each colour channel, for normalisation."""

    mean: tuple[float, ...]
    variance: tuple[float, ...]


def measure_channels(
    pixels: NDArray[np.uint8], rows: NDArray[np.integer]
) -> ChannelStatistics:
    """Return mean and variance of each channel over some images.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width, 3)
        May be memory-mapped.
    rows : ndarray of int
        Which images to use: the training images.
    """
    scaler = StandardScaler()
    for start in range(0, len(rows), CHUNK):
        scaler.partial_fit(pixels[rows[start : start + CHUNK]].reshape(-1, 3))
    return ChannelStatistics(tuple(scaler.mean_.tolist()), tuple(scaler.var_.tolist()))


def build_network(
    network: NetworkRow,
    image_size: int,
    n_classes: int,
    *,
    channels: ChannelStatistics,
    augment: bool,
    seed: int = 0,
) -> "keras.Model":
    """Build an untrained network.

    Parameters
    ----------
    network : NetworkRow
    image_size : int
        Side in pixels.
    n_classes : int
    channels : ChannelStatistics
        Of the training images; constants of the graph, not parameters.
    augment : bool
        Rotate by up to 10 degrees, shift by up to a fifth and flip in training.
    seed : int
        Of weights, dropout and augmentation.

    Returns
    -------
    keras.Model
        From uint8 (N, side, side, 3), RGB, to probabilities (N, n_classes).

    Raises
    ------
    NetworkError
        The images are too small for its pooling.
    """
    check_size(network, image_size)
    keras = import_keras()
    keras.backend.clear_session()
    add_layers = resolve_name(f"featx.networks.{network.builder}")
    with python_seed(seed):
        images = keras.Input((image_size, image_size, 3), dtype="uint8", name="images")
        x = images
        if augment:
            x = keras.ops.cast(images, "float32")
            for layer in augment_layers(COURSEWORK, seed):
                x = layer(x)
        x = keras.layers.Normalization(
            mean=channels.mean, variance=channels.variance, name="normalisation"
        )(x)
        outputs = keras.layers.Dense(
            n_classes, activation="softmax", name="probabilities"
        )(add_layers(keras, x))
        # Keras refuses names with pluses.
        name = network.name.replace("+", "_plus")
        return keras.Model(images, outputs, name=name)


def check_size(network: NetworkRow, image_size: int) -> None:
    """Refuse images so small that pooling would leave nothing.

    Raises
    ------
    NetworkError
    """
    if image_size < network.least_size:
        raise NetworkError(
            f"{network.name} needs images of at least {network.least_size}x"
            f"{network.least_size} pixels, not {image_size}x{image_size}; set"
            f" --image-size to {network.least_size} or more"
        )
