"""Build a network as one Keras model, from raw pixels to probabilities.

Normalisation and augmentation are part of its graph, so plain Keras saves and loads it
without featx; augmentation is active in training only.
"""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from featx.errors import NetworkError
from featx.frameworks import dtype_policy, import_keras, python_seed
from featx.hardware import available_memory
from featx.networks.table import NetworkRow
from featx.training.augmentation import Augmentation
from featx.training.augmentation_layers import augment_layers
from featx.training.batches import FULL_RANGE

if TYPE_CHECKING:
    import keras

LAST = "probabilities"
"""Name of the last layer."""

CHUNK = 256

TRAINED_BYTES = 16
"""Of a weight in training: itself, its gradient, and Adam's two moments, in float32."""


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
    n_classes: int,
    *,
    channels: ChannelStatistics,
    augmentation: Augmentation | None = None,
    policy: str = "float32",
    seed: int = 0,
) -> "keras.Model":
    """Build an untrained network.

    Parameters
    ----------
    network : NetworkRow
    n_classes : int
    channels : ChannelStatistics
        Of the training images; constants of the graph, not parameters.
    augmentation : Augmentation, optional
        Changes images in training.
    policy : str
        Keras' dtype policy; probabilities are float32.
    seed : int
        Of weights, dropout and augmentation.

    Returns
    -------
    keras.Model
        From uint8 (N, side, side, 3), RGB, to probabilities (N, n_classes).

    Raises
    ------
    NetworkError
        The images are too small for its pooling, or its dense layers larger than the
        memory.
    """
    keras = import_keras()
    with building(network, policy, seed):
        images, maps = convolved_images(network, channels, augmentation, seed)
        x = keras.layers.Flatten()(maps)
        _check_memory((x.shape[-1], *network.dense, n_classes))
        x = _with_dense_layers(x, network)
        outputs = keras.layers.Dense(
            n_classes, activation="softmax", dtype="float32", name=LAST
        )(x)
        # Keras refuses names with pluses.
        name = network.name.replace("+", "_plus")
        return keras.Model(images, outputs, name=name)


@contextlib.contextmanager
def building(network: NetworkRow, policy: str, seed: int) -> Iterator[None]:
    """Build layers of a network; the same layers get the same names and weights.

    The parameters and errors are those of `build_network`.
    """
    check_size(network)
    import_keras().backend.clear_session()
    with python_seed(seed), dtype_policy(policy):
        yield


def convolved_images(
    network: NetworkRow,
    channels: ChannelStatistics,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> tuple[Any, Any]:
    """Return a network's input, and the maps that its convolutions make of it.

    The parameters are those of `build_network`.

    Returns
    -------
    images : keras.KerasTensor, uint8 (N, side, side, 3)
    maps : keras.KerasTensor, shape (N, h, w, c)
    """
    keras, side = import_keras(), network.image_size
    add_convolutions = resolve_name(f"featx.networks.{network.builder}")
    images = keras.Input((side, side, 3), dtype="uint8", name="images")
    x = _normalised(images, network, channels, augmentation, seed)
    return images, add_convolutions(keras, x, batchnorm=network.batchnorm)


def _normalised(
    images: Any,
    network: NetworkRow,
    channels: ChannelStatistics,
    augmentation: Augmentation | None,
    seed: int,
) -> Any:
    """Add the augmentation, and what brings pixels to a common range."""
    keras, x = import_keras(), images
    layers = augment_layers(augmentation, seed) if augmentation else []
    if layers:
        x = keras.ops.cast(images, "float32")
        for layer in layers:
            x = layer(x)
    if not network.normalised:
        return keras.layers.Rescaling(1 / FULL_RANGE, name="scaling")(x)
    return keras.layers.Normalization(
        mean=channels.mean, variance=channels.variance, name="normalisation"
    )(x)


def _check_memory(widths: Sequence[int]) -> None:
    """Refuse dense layers that don't fit into memory: the system would end featx.

    Parameters
    ----------
    widths : sequence of int
        What goes into the first layer, and the units of each.

    Raises
    ------
    NetworkError
    """
    needed = TRAINED_BYTES * sum(n * units for n, units in pairwise(widths))
    available = available_memory()
    if needed > available:
        raise NetworkError(
            f"dense layers of {', '.join(map(str, widths[1:]))} units on"
            f" {widths[0]:,} numbers of an image take {needed / 1e9:,.1f} GB, and"
            f" {available / 1e9:,.1f} GB are free; use a smaller --image-size or fewer"
            " units, --dense"
        )


def _with_dense_layers(x: Any, network: NetworkRow) -> Any:
    keras = import_keras()
    for units in network.dense:
        has_penalty = network.l1 or network.l2
        penalty = keras.regularizers.L1L2(network.l1, network.l2)
        x = keras.layers.Dense(
            units,
            activation="relu",
            kernel_regularizer=penalty if has_penalty else None,
        )(x)
        x = keras.layers.Dropout(network.dropout)(x) if network.dropout else x
    return x


def list_layers(model: "keras.Model") -> list[dict[str, Any]]:
    """Return name, output shape without the batch, and parameters of each layer."""
    return [
        {
            "name": layer.name,
            "shape": list(layer.output.shape[1:]),
            "parameters": int(layer.count_params()),
        }
        for layer in model.layers
    ]


def check_size(network: NetworkRow) -> None:
    """Refuse images so small that pooling would leave nothing.

    Raises
    ------
    NetworkError
    """
    if network.image_size < network.least_size:
        side = network.image_size
        raise NetworkError(
            f"{network.name} needs images of at least {network.least_size}x"
            f"{network.least_size} pixels, not {side}x{side}; set --image-size to"
            f" {network.least_size} or more"
        )
