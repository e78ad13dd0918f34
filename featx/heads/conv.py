"""A convolution on whole feature maps, then dense layers."""

from dataclasses import dataclass

import numpy as np

from featx.heads.hidden import parse_hidden
from featx.heads.layers import Floats, Layer, Maps
from featx.heads.network import Network
from featx.heads.rows import Rows
from featx.heads.scaling import learn_scaling
from featx.heads.training import NetworkHead


@dataclass(kw_only=True, eq=False, repr=False)
class ConvHead(NetworkHead):
    """Conv2D of 3x3 and BatchNormalization on a backbone's last map, then dense layers.

    Rows are flattened maps, height by width by channels, as `--pooling none` makes
    them; each channel is standardised over all positions. Trained as `MLPHead` is.

    Parameters
    ----------
    map_shape : tuple of int, optional
        Height, width and channels of a map; by default, a row is a map of one position.
    filters : int
        Of the convolution.
    hidden : str
        The layers after the convolution, as in `MLPHead`.
    epochs, batch_size, learning_rate, weight_decay, patience, validation_share
        See `NetworkTraining`.
    class_weight, random_state
        See `Head`.

    Attributes
    ----------
    history_ : dict
        `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`: one value per epoch.
    """

    map_shape: tuple[int, int, int] | None = None
    filters: int = 64
    hidden: str = "256"
    epochs: int = 100
    weight_decay: float = 0.1

    def _network(self, width: int) -> Network:
        height, breadth, channels = self._shape(width)
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

    def _scaled_rows(self, X: Floats) -> Rows:
        height, breadth, channels = self._shape(X.shape[1])
        self.mean_, self.scale_ = learn_scaling(X.reshape(-1, channels))
        places = height * breadth
        scaling = np.tile(self.mean_, places), np.tile(self.scale_, places)
        return Rows(X, scaling=scaling)

    def _shape(self, width: int) -> tuple[int, int, int]:
        return self.map_shape or (1, 1, width)

    def _maps(self) -> Maps:
        return Maps(self._shape(self.n_features_in_), self.mean_, self.scale_)

    def _scaled(self, X: Floats) -> Floats:
        return self._maps()(X)

    def _scores(self) -> list[Layer]:
        return [self._maps(), *self.layers_]
