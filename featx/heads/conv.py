"""A convolution on whole feature maps, then dense layers."""

from typing import Any

from featx.heads.base import Floats
from featx.heads.hidden import parse_hidden
from featx.heads.layers import Dense, Layer, Maps
from featx.heads.network import Network
from featx.heads.network_head import NetworkHead
from featx.heads.scaling import learn_scaling


class ConvHead(NetworkHead):
    """Conv2D of 3x3 and BatchNormalization on a backbone's last map, then dense layers.

    Rows are maps laid out flat, height by width by channels, as `--pooling none` makes
    them; each channel is standardised over all places. Trained as `MLPHead` is.

    Parameters
    ----------
    map_shape : tuple of int, optional
        Height, width and channels of a map; by default all numbers of a row are the
        channels of a single place.
    filters : int
        Of the convolution.
    hidden : str
        The layers after it, in the words of `MLPHead`.
    epochs : int
        Bound on the passes over the training rows.
    batch_size : int
    learning_rate : float
    weight_decay : float
        AdamW's.
    patience : int
        Epochs without a lower validation loss before training stops.
    validation_share : float
        Share of the rows that is held out to watch.
    class_weight : "balanced", dict or None
    random_state : int
        Seed of weights, dropout, batches and the held-out part.

    Attributes
    ----------
    history_ : dict
        `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`: one value an epoch.
    """

    def __init__(
        self,
        *,
        map_shape: tuple[int, int, int] | None = None,
        filters: int = 64,
        hidden: str = "256",
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.1,
        patience: int = 10,
        validation_share: float = 0.15,
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
        self.map_shape = map_shape
        self.filters = filters
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_share = validation_share
        self.class_weight = class_weight
        self.random_state = random_state

    def _network(self, width: int) -> Network:
        height, breadth, channels = self.map_shape or (1, 1, width)
        if height * breadth * channels != width:
            raise ValueError(
                f"maps of {height}x{breadth}x{channels} are rows of"
                f" {height * breadth * channels} numbers, got rows of {width}"
            )
        return Network(
            width,
            len(self.classes_),
            parse_hidden(self.hidden),
            map_shape=(height, breadth, channels),
            filters=self.filters,
        )

    def _scaled(self, X: Floats) -> Floats:
        shape = self._network(X.shape[1]).map_shape
        assert shape is not None
        self.mean_, self.scale_ = learn_scaling(X.reshape(-1, shape[2]))
        self.maps_ = Maps(shape, self.mean_, self.scale_)
        return self.maps_(X).reshape(len(X), -1)

    def _scores(self) -> list[Layer]:
        return [self.maps_, *self.layers_]

    def _layers(self) -> list[Layer]:
        *between, last = self.layers_
        assert isinstance(last, Dense)
        return [self.maps_, *between, last.softened(self.temperature_)]
