"""A multilayer perceptron trained by Keras in mini-batches."""

from typing import Any

from featx.heads.base import Floats
from featx.heads.hidden import parse_hidden
from featx.heads.layers import Dense, Layer
from featx.heads.network import Network
from featx.heads.network_head import NetworkHead
from featx.heads.scaling import learn_scaling


class MLPHead(NetworkHead):
    """Dense layers with relu on standardised embeddings, then softmax.

    AdamW on mini-batches; training stops early, is done anew on all rows and gives
    the temperature as `SoftmaxHead`'s.

    Parameters
    ----------
    hidden : str
        The layers between, like ``768,bn,dropout0.25,512,dropout0.25``: units (Dense
        with relu), ``bn`` (BatchNormalization), ``dropoutR``; units first.
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
        hidden: str = "128",
        epochs: int = 200,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 2.0,
        patience: int = 10,
        validation_share: float = 0.15,
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
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
        return Network(width, len(self.classes_), parse_hidden(self.hidden))

    def _scaled(self, X: Floats) -> Floats:
        self.mean_, self.scale_ = learn_scaling(X)
        scaled: Floats = (X - self.mean_) / self.scale_
        return scaled

    def _probabilities(self, X: Floats) -> Floats:
        return super()._probabilities((X - self.mean_) / self.scale_)

    def _scores(self) -> list[Layer]:
        return self.layers_

    def _layers(self) -> list[Layer]:
        first, *between, last = self.layers_
        assert isinstance(first, Dense)
        assert isinstance(last, Dense)
        return [
            first.after_scaling(self.mean_, self.scale_),
            *between,
            last.softened(self.temperature_),
        ]
