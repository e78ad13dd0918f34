"""Heads that train a network: mini-batches and early stopping."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from featx.heads.base import Head
from featx.heads.layers import Dense, Floats, Layer, apply_layers
from featx.heads.network import Network
from featx.heads.rows import Rows
from featx.heads.scaling import blocks_of
from featx.heads.trainers.base import Trainer, make_trainer
from featx.splits import Labels, hold_out


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkTraining:
    """How a network is trained: parameters that heads with a network share.

    Parameters
    ----------
    epochs : int
        At most so many passes over the training rows.
    batch_size : int
        Rows per step, about: all steps of an epoch have nearly the same number.
    learning_rate : float
    weight_decay : float
        AdamW's; it is decoupled, so that the loss stays the plain cross-entropy.
    patience : int
        Epochs without a lower validation loss after which training stops.
    validation_share : float
        Share of the rows that is held out to measure the validation loss on.
    random_state : int
        Seed of weights, dropout, batches and the rows held out.
    """

    epochs: int = 200
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 2.0
    patience: int = 10
    validation_share: float = 0.15
    random_state: int = 0

    def _train(
        self, network: Network, rows: Rows, y: Labels, weight: Floats, groups: Labels
    ) -> list[Layer]:
        """Train a network, first with early stopping on held-out rows, then on all.

        Training stops when the cross-entropy of the held-out rows hasn't fallen for
        `patience` epochs. With few images per class none can be spared, so the network
        is trained again on all rows, for the number of epochs that was best.

        Parameters
        ----------
        rows : Rows
        y : ndarray of int, shape (n,)
        weight : ndarray of float, shape (n,)
        groups : ndarray of int, shape (n,)
            Rows of one group stay on one side of the split.

        Returns
        -------
        list of Layer
            From scaled rows to scores.
        """
        trainer = _trainer(
            network,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
            self.random_state,
        )
        train, held_out = hold_out(
            y, groups, share=self.validation_share, seed=self.random_state
        )
        epochs = self.epochs
        self.history_: dict[str, list[float]] = {}
        if len(held_out):
            trainer.start(rows.subset(train), y[train], weight[train])
            epochs, self.history_ = _watch(
                trainer, rows.subset(held_out), y[held_out], weight[held_out], self
            )
        trainer.start(rows, y, weight)
        curve = [trainer.train() for _ in range(epochs)]
        if not self.history_:
            self.history_ = _columns([(i, *c) for i, c in enumerate(curve, start=1)])
        return trainer.finish()


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkHead(NetworkTraining, Head):
    """A network on standardised embeddings, trained as `softmax` is.

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (d,) or (channels,)
    layers_ : list of Layer
        From scaled rows to scores, as arrays.
    """

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        network = self._network(X.shape[1])
        rows = self._scaled_rows(X)
        self.layers_ = self._train(network, rows, y, weight, groups)

    def _logits(self, X: Floats) -> Floats:
        # A few rows at a time: a copy of all may not fit into the memory.
        parts = (X[part] for part in blocks_of(*X.shape))
        return np.concatenate(
            [apply_layers(self.layers_, self._scaled(rows)) for rows in parts]
        )

    def _layers(self) -> list[Layer]:
        *between, last = self._scores()
        assert isinstance(last, Dense)
        return [*between, last.softened(self.temperature_)]

    @abstractmethod
    def _network(self, width: int) -> Network:
        """Return what is trained on rows of this width."""

    @abstractmethod
    def _scaled_rows(self, X: Floats) -> Rows:
        """Learn `mean_` and `scale_`; return what the network is trained on."""

    @abstractmethod
    def _scaled(self, X: Floats) -> Floats:
        """Return scaled rows, as the first of `layers_` takes them."""

    @abstractmethod
    def _scores(self) -> list[Layer]:
        """Return the layers from embeddings to scores."""


def _watch(
    trainer: Trainer,
    rows: Rows,
    y: Labels,
    weight: Floats,
    parameters: NetworkTraining,
) -> tuple[int, dict[str, list[float]]]:
    """Train until the held-out loss stops falling.

    The loss is weighted as in training: where rare classes count as much as frequent
    ones, the unweighted loss would rise from the first epoch on.

    Returns
    -------
    epoch : int
        The best one.
    history : dict
    """
    curve: list[tuple[float, ...]] = []
    best, best_epoch = np.inf, 1
    for epoch in range(1, parameters.epochs + 1):
        trained = trainer.train()
        losses, accuracy = trainer.measure(rows, y)
        curve.append((epoch, *trained, float(losses.mean()), accuracy))
        loss = float((losses * weight).mean())
        if loss < best:
            best, best_epoch = loss, epoch
        elif epoch - best_epoch >= parameters.patience:
            break
    return best_epoch, _columns(curve)


def _columns(rows: list[tuple[float, ...]]) -> dict[str, list[float]]:
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    return {
        name: [float(value) for value in column]
        for name, column in zip(names, zip(*rows, strict=True), strict=False)
    }


# The folds of a cross-validation train one network after another, of the same shape.
_trainer = lru_cache(maxsize=1)(make_trainer)
