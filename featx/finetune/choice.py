"""What the held-out part said of a fine-tuning, epoch by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featx.training.checkpoints import CURVES, History, Log, as_history
from featx.training.schedule import Course

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Choice:
    """What the validation part said.

    Attributes
    ----------
    history : dict of str to list of float
        One value an epoch; `phase` is 0 in the warm-up of the head.
    warmup_rates, rates : list of float
        The learning rate of each epoch that is worth it.
    held_out : ndarray of int
        Rows of the validation part.
    head_probabilities, probabilities : ndarray of float64
        What the head says of them, and the model at its best epoch.
    seconds_handing : float or None
        What went through the frozen layers once, for each epoch, took to do so.
    """

    history: History
    warmup_rates: list[float]
    rates: list[float]
    held_out: Rows
    head_probabilities: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    seconds_handing: float | None


def worthwhile_rates(course: Course, log: Log) -> list[float]:
    """Return the learning rates of the epochs that were worth it."""
    best = course.best(log.watched(course.monitor))
    return [row["learning_rate"] for row in log.rows[:best]]


def join_histories(logs: Sequence[tuple[int, Log]]) -> History:
    """Return columns of one value an epoch, the epochs counted through all phases."""
    rows = [{**row, "phase": float(phase)} for phase, log in logs for row in log.rows]
    return as_history(rows, ("phase", *CURVES, "learning_rate", "seconds"))
