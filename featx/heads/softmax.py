"""A softmax layer trained by Keras in mini-batches."""

from typing import Any

from featx.heads.base import Codes, Floats
from featx.heads.layers import Dense
from featx.heads.linear import LinearHead
from featx.heads.network import Network
from featx.heads.training import train_network


class SoftmaxHead(LinearHead):
    """Keras' Dense layer with softmax on standardised embeddings.

    AdamW on mini-batches; training stops when the cross-entropy on a held-out part
    hasn't fallen for `patience` epochs. The layer is then trained anew on all rows
    for as many epochs as were best: with few images a class, none can be spared. The
    held-out scores of the best epoch give the temperature: weight decay leaves a
    layer less sure than it could be.

    Parameters
    ----------
    epochs : int
        Bound on the passes over the training rows.
    batch_size : int
    learning_rate : float
    weight_decay : float
        AdamW's; decoupled, so that the loss stays the plain cross-entropy.
    patience : int
        Epochs without a lower validation loss before training stops.
    validation_share : float
        Share of the rows that is held out to watch.
    class_weight : "balanced", dict or None
    random_state : int
        Seed of weights, batches and the held-out part.

    Attributes
    ----------
    history_ : dict
        `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`: one value an epoch.
    """

    def __init__(
        self,
        *,
        epochs: int = 200,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 2.0,
        patience: int = 10,
        validation_share: float = 0.15,
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_share = validation_share
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit_affine(
        self, Z: Floats, y: Codes, weight: Floats, groups: Codes | None
    ) -> None:
        network = Network(Z.shape[1], len(self.classes_))
        trained = train_network(network, Z, y, weight, groups, self)
        (dense,) = trained.layers
        assert isinstance(dense, Dense)
        self.coef_, self.intercept_ = dense.kernel.T.copy(), dense.bias
        self.temperature_ = trained.temperature
        self.history_ = trained.history
