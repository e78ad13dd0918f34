"""The schedule of a training: learning rates, when to stop, which epoch was best.

All of it follows from the epochs so far: `watched` is the measure that `monitor` names
on the validation split, before the first epoch and after each. So an interrupted
training has no other state to restore.
"""

import math
from collections.abc import Sequence

from featx.training.settings import TrainingSettings

Values = Sequence[float]


def learning_rate(settings: TrainingSettings, epoch: int, watched: Values) -> float:
    """Return the learning rate of an epoch, counted from 0.

    ``cosine`` falls to `least_rate` over all epochs; ``plateau`` multiplies the rate by
    `factor` after `plateau_patience` epochs without progress.
    """
    rate, least = settings.learning_rate, settings.least_rate
    if settings.schedule == "cosine":
        least = min(least, rate)
        share = 0.5 * (1 + math.cos(math.pi * epoch / settings.epochs))
        return least + (rate - least) * share
    if settings.schedule == "plateau":
        return _plateau_rate(settings, watched[: epoch + 1])
    return rate


def best_epoch(settings: TrainingSettings, watched: Values) -> int:
    """Return after how many epochs the model was best; 0 if none made progress."""
    best = 0
    for epoch, value in enumerate(watched):
        if _is_progress(settings, value, watched[best]):
            best = epoch
    return best


def is_over(settings: TrainingSettings, watched: Values) -> bool:
    """Return whether `patience` epochs have passed without progress."""
    return len(watched) - 1 - best_epoch(settings, watched) >= settings.patience


def _is_progress(settings: TrainingSettings, value: float, best: float) -> bool:
    if settings.monitor == "loss":
        return value < best - settings.min_delta
    return value > best + settings.min_delta


def _plateau_rate(settings: TrainingSettings, watched: Values) -> float:
    """Follow `keras.callbacks.ReduceLROnPlateau` from the first epoch on."""
    rate, best, waited = settings.learning_rate, watched[0], 0
    for value in watched[1:]:
        if _is_progress(settings, value, best):
            best, waited = value, 0
            continue
        waited += 1
        if waited >= settings.plateau_patience and rate > settings.least_rate:
            rate, waited = max(rate * settings.factor, settings.least_rate), 0
    return rate
