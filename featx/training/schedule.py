"""How a fine-tuning goes: rates, when to stop, which epoch was best.

Everything follows from the epochs so far, so that an interrupted training goes on as if
nothing had happened: no state but the history.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Values = Sequence[float]


@dataclass(frozen=True)
class Course:
    """How long, how fast and by which measure a model is trained.

    Attributes
    ----------
    epochs : int
        At most, after the warm-up.
    learning_rate : float
        At the start; of the head, and of the backbone times `backbone_rate`.
    schedule : {"constant", "cosine", "plateau"}
        ``cosine`` falls to `least_rate` over all epochs; ``plateau`` multiplies by
        `factor` after `plateau_patience` epochs without progress.
    factor : float
    plateau_patience : int
    least_rate : float
    monitor : {"loss", "accuracy"}
        Which measure of the validation part decides.
    patience : int
        Epochs without progress before training stops.
    min_delta : float
        Progress is more than this.
    """

    epochs: int = 10
    learning_rate: float = 1e-4
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    factor: float = 0.2
    plateau_patience: int = 3
    least_rate: float = 1e-7
    monitor: Literal["loss", "accuracy"] = "loss"
    patience: int = 5
    min_delta: float = 0.0

    def rate(self, epoch: int, watched: Values) -> float:
        """Return the learning rate of an epoch, counted from 0.

        Parameters
        ----------
        epoch : int
        watched : sequence of float
            What `monitor` names, of the model at the start and after each epoch
            before: ``epoch + 1`` values.
        """
        if self.schedule == "cosine":
            share = 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
            least = min(self.least_rate, self.learning_rate)
            return least + (self.learning_rate - least) * share
        if self.schedule == "plateau":
            return self._plateau(watched)
        return self.learning_rate

    def best(self, watched: Values) -> int:
        """Return after how many epochs it was best; 0 where none made progress."""
        best = 0
        for epoch, value in enumerate(watched):
            if self._is_progress(value, watched[best]):
                best = epoch
        return best

    def is_over(self, watched: Values) -> bool:
        """Tell whether the patience is at its end."""
        return len(watched) - 1 - self.best(watched) >= self.patience

    def _is_progress(self, value: float, best: float) -> bool:
        if self.monitor == "loss":
            return value < best - self.min_delta
        return value > best + self.min_delta

    def _plateau(self, watched: Values) -> float:
        """Follow `keras.callbacks.ReduceLROnPlateau` from the start."""
        rate, best, waited = self.learning_rate, watched[0], 0
        for value in watched[1:]:
            if self._is_progress(value, best):
                best, waited = value, 0
                continue
            waited += 1
            if waited >= self.plateau_patience and rate > self.least_rate:
                rate, waited = max(rate * self.factor, self.least_rate), 0
        return rate
