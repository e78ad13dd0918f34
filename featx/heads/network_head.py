"""Heads that are a network with hidden layers."""

from abc import abstractmethod
from dataclasses import dataclass

from featx.heads.base import Head
from featx.heads.calibration import softmax
from featx.heads.layers import Floats, Layer, apply_layers
from featx.heads.network import Network
from featx.heads.training import NetworkTraining, train_network
from featx.splits import Labels


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkHead(NetworkTraining, Head):
    """A network on standardised embeddings, trained and calibrated as `softmax` is.

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (d,) or (channels,)
    layers_ : list of Layer
        From scaled rows to scores, as arrays.
    temperature_ : float
    """

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels | None) -> None:
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
