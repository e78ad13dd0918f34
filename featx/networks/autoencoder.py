"""Pre-training: a network's convolutions as the encoder of an autoencoder.

The decoder mirrors the encoder: it enlarges the maps to each of the sizes that they had
on their way, each time with a convolution as wide as the maps were there, up to the
image. No label is used, so what the convolutions learn is about the images alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import NetworkError
from featx.frameworks import import_keras
from featx.networks.build import ChannelStatistics, building, convolved_images
from featx.networks.settings import NetworkSettings
from featx.networks.table import NetworkRow
from featx.training.batches import FULL_RANGE, Batches, Samples
from featx.training.log import EpochLog, History, as_history
from featx.training.predict import traced
from featx.training.train import Trainee, Training

if TYPE_CHECKING:
    import keras

COLOURS = 3

SHOWN = 8
"""Images that are reconstructed to be looked at."""

Weights = dict[str, list[NDArray[np.floating]]]
"""The weights of some layers, by the layers' names."""

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Pretraining:
    """What a network's convolutions learned by reconstructing images.

    Attributes
    ----------
    weights : dict of str to list of ndarray
        Of the convolutions, by the names of the layers.
    log : EpochLog
    history : dict
        Its curves.
    shown : ndarray of int, shape (n,)
        Some of the rows that were held out, or trained on where none were.
    reconstructions : ndarray of uint8, shape (n, side, side, 3)
        Of these.
    """

    weights: Weights
    log: EpochLog
    history: History
    shown: Rows
    reconstructions: NDArray[np.uint8]

    def start(self, model: "keras.Model") -> None:
        """Set a network's convolutions to what was learned.

        The statistics of batch normalisation are among their weights.
        """
        for name, weights in self.weights.items():
            model.get_layer(name).set_weights(weights)


@dataclass(frozen=True)
class Autoencoder:
    """An encoder and a decoder.

    Attributes
    ----------
    model : keras.Model
        From uint8 (N, side, side, 3), RGB, to float32 from 0 to 1 of the same shape.
    encoder : sequence of keras.Layer
        Those of the network that come before its dense layers.
    """

    model: "keras.Model"
    encoder: "Sequence[keras.Layer]"

    @property
    def weights(self) -> Weights:
        """Those of the encoder."""
        return {layer.name: layer.get_weights() for layer in self.encoder}

    def reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return images (n, side, side, 3) as the autoencoder gives them back."""
        (found,) = traced(self.model)(images)
        pixels: NDArray[np.uint8] = np.rint(found.numpy() * FULL_RANGE).astype(np.uint8)
        return pixels


def build_autoencoder(
    network: NetworkRow,
    *,
    channels: ChannelStatistics,
    policy: str = "float32",
    seed: int = 0,
) -> Autoencoder:
    """Build an untrained autoencoder of a network's convolutions.

    The parameters and errors are those of `build_network`. The convolutions start with
    the weights that they have there.
    """
    keras = import_keras()
    with building(network, policy, seed):
        images, maps = convolved_images(network, channels)
        encoder = keras.Model(images, maps).layers
        decoded = _with_decoder(maps, _sizes(encoder), batchnorm=network.batchnorm)
        outputs = keras.layers.Conv2D(
            COLOURS, 3, padding="same", activation="sigmoid", dtype="float32"
        )(decoded)
        return Autoencoder(keras.Model(images, outputs), encoder)


def pretrain(
    pixels: NDArray[np.uint8],
    rows: tuple[Rows, Rows],
    settings: NetworkSettings,
    folder: Path,
    *,
    channels: ChannelStatistics,
    seed: int,
    tensorboard: Path | None = None,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> Pretraining:
    """Train a network's convolutions to reconstruct images, as they are.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, side, side, 3)
    rows : tuple of ndarray of int
        Those to train on, and those held out, which choose the epoch; there may be none
        of the latter.
    settings : NetworkSettings
    folder : Path
        Where the state is kept; an interrupted training goes on from the last epoch
        that was finished.
    channels : ChannelStatistics
        Of the rows to train on.
    seed : int
        Of weights and order.
    tensorboard : Path, optional
    on_epoch : callable
        Called with the number of finished epochs, at the start and after each.

    Raises
    ------
    NetworkError
        The loss became NaN or infinite, memory ran out, or the state can't be written.
    """
    autoencoder = build_autoencoder(
        settings.network, channels=channels, policy=settings.policy, seed=seed
    )
    training, held_out = (
        Batches(Samples((pixels,), some), settings.batch_size, seed=seed)
        for some in rows
    )
    wanted = settings.pretraining
    training_of = Training(Trainee(None), wanted, folder, on_epoch, tensorboard)
    try:
        log = training_of.from_scratch(
            autoencoder.model, training, held_out if len(rows[1]) else None
        )
    except NetworkError as error:
        raise NetworkError(f"pre-training: {error}") from None
    shown = _choose(rows[1] if len(rows[1]) else rows[0], seed)
    return Pretraining(
        autoencoder.weights,
        log,
        as_history(log.rows, wanted.columns),
        shown,
        autoencoder.reconstruct(pixels[shown]),
    )


def _sizes(encoder: "Sequence[keras.Layer]") -> list[tuple[int, int]]:
    """Return side and channels of the maps, from the image's size downwards.

    Of several maps of one size, it is the channels of the last.
    """
    shapes = [layer.output.shape for layer in encoder]
    return list({side: channels for _, side, _, channels in shapes}.items())


def _with_decoder(maps: Any, sizes: list[tuple[int, int]], *, batchnorm: bool) -> Any:
    """Enlarge maps step by step; repeated pixels leave no pattern of a chessboard."""
    keras, x = import_keras(), maps
    for side, channels in reversed(sizes[:-1]):
        x = keras.ops.image.resize(x, (side, side), interpolation="nearest")
        if channels != COLOURS:  # else there is the image only
            x = keras.layers.Conv2D(channels, 3, padding="same")(x)
            x = keras.layers.BatchNormalization()(x) if batchnorm else x
            x = keras.layers.ReLU()(x)
    return x


def _choose(rows: Rows, seed: int) -> Rows:
    """Draw some rows to be looked at."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(rows, size=min(SHOWN, len(rows)), replace=False))
