"""Heads that are a network with hidden layers: scale, layers, soften, softmax."""

from abc import abstractmethod

from featx.heads.base import Codes, Floats, Head
from featx.heads.calibration import softmax
from featx.heads.layers import Layer, apply_layers
from featx.heads.network import Network
from featx.heads.training import train_network


class NetworkHead(Head):
    """A network on standardised embeddings, trained and calibrated as `softmax` is.

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (d,) or (channels,)
    layers_ : list of Layer
        From scaled rows to scores, as arrays.
    temperature_ : float
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    validation_share: float

    def _fit(self, X: Floats, y: Codes, weight: Floats, groups: Codes | None) -> None:
        network = self._network(X.shape[1])
        trained = train_network(network, self._scaled(X), y, weight, groups, self)
        self.layers_ = trained.layers
        self.temperature_ = trained.temperature
        self.history_ = trained.history

    def _probabilities(self, X: Floats) -> Floats:
        return softmax(apply_layers(self._scores(), X) / self.temperature_)

    @abstractmethod
    def _network(self, width: int) -> Network:
        """Return what is trained on rows of this width."""

    @abstractmethod
    def _scaled(self, X: Floats) -> Floats:
        """Learn the scaling; return the scaled rows, shape (n, d)."""

    @abstractmethod
    def _scores(self) -> list[Layer]:
        """Return the layers from embeddings to scores."""
