"""Heads that are a network with hidden layers."""

from abc import abstractmethod
from dataclasses import dataclass

from featx.heads.base import Head
from featx.heads.layers import Dense, Floats, Layer, apply_layers
from featx.heads.network import Network
from featx.heads.scaling import softmax
from featx.heads.training import NetworkTraining
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

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        network = self._network(X.shape[1])
        self._learn_scaling(X)
        Z = self._scaled(X).reshape(len(X), -1)
        self.layers_ = self._train(network, Z, y, weight, groups)

    def _probabilities(self, X: Floats) -> Floats:
        return softmax(apply_layers(self.layers_, self._scaled(X)) / self.temperature_)

    def _layers(self) -> list[Layer]:
        *between, last = self._scores()
        assert isinstance(last, Dense)
        return [*between, last.softened(self.temperature_)]

    @abstractmethod
    def _network(self, width: int) -> Network:
        """Return what is trained on rows of this width."""

    @abstractmethod
    def _learn_scaling(self, X: Floats) -> None:
        """Learn `mean_` and `scale_`."""

    @abstractmethod
    def _scaled(self, X: Floats) -> Floats:
        """Return scaled rows, as the first of `layers_` takes them."""

    @abstractmethod
    def _scores(self) -> list[Layer]:
        """Return the layers from embeddings to scores."""
