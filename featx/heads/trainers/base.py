"""Training a network epoch by epoch: what is the same on each of Keras' backends.

Weights, batches and their order are drawn by NumPy, so that each backend gives the same
network, as far as rounding goes; dropout is drawn by the backend.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_keras
from featx.heads.layers import Floats, Layer
from featx.heads.network import Network, read_layers
from featx.heads.rows import Rows
from featx.heads.scaling import block_length
from featx.keras_backend import keras_backend
from featx.splits import Labels


class Trainer(ABC):
    """Trains one network, epoch by epoch, and starts again on other rows when asked.

    An epoch isn't Keras' own loop, which spends a tenth of a second on each, fifty
    times as long as the arithmetic of a layer on embeddings.

    Parameters
    ----------
    network : Network
    batch_size : int
        Rows per step, about: all steps of an epoch have nearly the same number.
    learning_rate, weight_decay : float
        AdamW's.
    seed : int
        Of weights and batches.
    """

    def __init__(
        self,
        network: Network,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        seed: int,
    ) -> None:
        keras = import_keras()
        self.network = network
        self._model = network.build(seed)
        self._optimizer = keras.optimizers.AdamW(
            learning_rate, weight_decay=weight_decay
        )
        self._optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._optimizer.build(self._model.trainable_variables)
        self._batch_size, self._seed = batch_size, seed
        variables = [*self._model.variables, *self._optimizer.variables]
        self._fresh = [
            (one, np.array(keras.ops.convert_to_numpy(one))) for one in variables
        ]

    def start(self, rows: Rows, y: Labels, weight: Floats) -> None:
        """Start again on these rows, from the initial weights."""
        for variable, value in self._fresh:
            variable.assign(value)
        self._rng = np.random.default_rng(self._seed)
        self._rows, self._y, self._weight = rows, y, weight
        self._begin()
        if rows.is_small:
            self._load_some(slice(None))

    def train(self) -> tuple[float, float]:
        """Train for an epoch in a new order of the rows; return loss and accuracy."""
        count = len(self._y)
        order = self._rng.permutation(count).astype(np.int32)
        # A last step of a row or two would distort batch normalisation.
        steps = max(1, round(count / self._batch_size))
        if self._rows.is_small:
            loss, right = self._epoch(order, steps)
        else:
            loss, right = self._epoch_by_portions(order, steps)
        return loss / count, right / count

    def measure(self, rows: Rows, y: Labels) -> tuple[Floats, float]:
        """Return losses of other rows and accuracy on them."""
        parts = [
            self._score(block.astype(np.float32), y[part].astype(np.int32))
            for part, block in rows.blocks()
        ]
        losses, hits = map(np.concatenate, zip(*parts, strict=True))
        return losses, float(hits.mean())

    def finish(self) -> list[Layer]:
        """Release the rows; return the trained layers as arrays."""
        self._release()
        del self._rows, self._y, self._weight
        return read_layers(self._model)

    def _load_some(self, places: slice | NDArray[np.integer]) -> None:
        self._load(
            self._rows[places].astype(np.float32, copy=False),
            self._y[places].astype(np.int32),
            self._weight[places].astype(np.float32),
        )

    def _epoch_by_portions(
        self, order: NDArray[np.int32], steps: int
    ) -> tuple[float, float]:
        """Take the steps of an epoch with as few rows loaded as make a block."""
        totals = np.zeros(2)
        batches = np.array_split(order, steps)
        length = block_length(self._rows.width)
        at_a_time = max(1, length // max(1, len(batches[0])))
        for first in range(0, steps, at_a_time):
            some = batches[first : first + at_a_time]
            places = np.concatenate(some)
            self._load_some(places)
            totals += self._epoch(np.arange(len(places), dtype=np.int32), len(some))
        return float(totals[0]), float(totals[1])

    @abstractmethod
    def _begin(self) -> None:
        """Take the weights of the model as they are now."""

    @abstractmethod
    def _load(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32], weights: Any
    ) -> None:
        """Keep rows, labels and weights where the backend computes, and no others."""

    @abstractmethod
    def _epoch(self, order: NDArray[np.int32], steps: int) -> tuple[float, float]:
        """Take so many steps; return the sums of losses and hits meanwhile.

        The rows go through in this order. All steps have the same number, or one more:
        those come first, as NumPy's ``array_split`` has it.
        """

    @abstractmethod
    def _score(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32]
    ) -> tuple[Floats, Floats]:
        """Return each row's loss, and 1 where its prediction is correct."""

    @abstractmethod
    def _release(self) -> None:
        """Forget the rows; the model has the trained weights afterwards."""


_TRAINERS = {
    "tensorflow": "TensorFlowTrainer",
    "jax": "JaxTrainer",
    "torch": "TorchTrainer",
}
"""The class for each of Keras' backends, in the module of its name."""


def make_trainer(
    network: Network,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
) -> Trainer:
    """Return a trainer that suits Keras' backend; see `Trainer`."""
    backend = keras_backend()
    module = import_module(f"featx.heads.trainers.{backend}")
    kind = cast("type[Trainer]", getattr(module, _TRAINERS[backend]))
    return kind(network, batch_size, learning_rate, weight_decay, seed)
