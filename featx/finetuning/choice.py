"""What held-out images choose of a fine-tuning: an average of weights, or an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from featx.evaluation.calibration import (
    fit_temperature,
    log_of,
    mean_log_probabilities,
)
from featx.finetuning.settings import FinetuneSettings
from featx.training.log import CURVES, EpochLog, History, as_history
from featx.training.predict import normal

WARMUP, MAIN = 0, 1
"""Phases: the head alone, then the unfrozen layers as well."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of the change in weights an average may keep."""

Rows = NDArray[np.intp]

Weights = Sequence[NDArray[Any]]


def average(before: Weights, after: Weights, share: float) -> list[NDArray[Any]]:
    """Return weights that keep a share of what training changed.

    Notes
    -----
    After Wortsman et al., Robust fine-tuning of zero-shot models, 2022.
    """
    return [
        (1 - share) * start + share * end
        for start, end in zip(before, after, strict=True)
    ]


@dataclass(frozen=True)
class Trial:
    """A training on some of the training images, and its answers to the others.

    Attributes
    ----------
    logs : dict of int to EpochLog
        By phase.
    rates : dict of int to list of float
        By phase, the learning rates of the epochs that are kept.
    held_out : ndarray of int
        Rows of the images that it was not trained on.
    head_probabilities : ndarray of float64, shape (n, n_classes)
        Of the head, on those rows.
    views : dict of float to ndarray of float32, shape (n_views, n, n_classes)
        Probabilities of each view of those rows, by the share of the change in weights
        that is kept.
    samples : int
        How many outputs of the frozen layers an epoch takes.
    """

    logs: dict[int, EpochLog]
    rates: dict[int, list[float]]
    held_out: Rows
    head_probabilities: NDArray[np.float64]
    views: dict[float, NDArray[np.float32]]
    samples: int


class Candidate(NamedTuple):
    """An average of the weights, scored on the held-out images.

    Attributes
    ----------
    share : float
        How much of the change in weights it keeps.
    log_loss : float
        At the temperature that suits it best.
    accuracy : float
    """

    share: float
    log_loss: float
    accuracy: float


@dataclass(frozen=True)
class Choice:
    """What the held-out images chose.

    Attributes
    ----------
    history : dict of str to list of float
        One value per epoch, the mean over the trials; `phase` is 0 in the warm-up of
        the head.
    rates : dict of int to list of float
        By phase, the learning rates of the epochs to train on all images.
    share : float
        How much of the change in weights to keep then.
    candidates : tuple of Candidate
        Between which the share was chosen; empty if an epoch was.
    trials : int
        Trainings that were validated.
    held_out : ndarray of int
        Rows that were held out of one of them.
    head_probabilities, probabilities : ndarray of float64
        Of the head and of the chosen model, on those rows.
    temperature : float
        By which to divide the scores of the trained model; see `fit_temperature`.
    frozen_seconds : float or None
        Time to compute the frozen layers' outputs; None if every epoch does so.
    frozen_share : float
        How many of these outputs an epoch takes.
    """

    history: History
    rates: dict[int, list[float]]
    share: float
    candidates: tuple[Candidate, ...]
    trials: int
    held_out: Rows
    head_probabilities: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    temperature: float
    frozen_seconds: float | None = None
    frozen_share: float = 0.0


def choose(
    trials: Sequence[Trial], labels: NDArray[np.integer], settings: FinetuneSettings
) -> Choice:
    """Choose the share that gives held-out images the least log loss.

    Each candidate is scored at its own temperature, as the chosen one will be: training
    makes a model surer of itself, which alone would speak against it.

    Parameters
    ----------
    trials : sequence of Trial
        With the same shares.
    labels : ndarray of int
        Of all images.
    settings : FinetuneSettings
    """
    held_out = np.concatenate([trial.held_out for trial in trials])
    y = labels[held_out]
    weight = compute_sample_weight(settings.class_weight, y)
    scored = []
    for share in trials[0].views:
        views = np.concatenate([trial.views[share] for trial in trials], axis=1)
        logits = log_of(views).transpose(1, 0, 2)
        temperature = fit_temperature(logits, y, weight)
        truth = mean_log_probabilities(logits, temperature)[np.arange(len(y)), y]
        probabilities = normal(views.mean(axis=0))
        right = probabilities.argmax(axis=1) == y
        loss = float(-np.average(truth, weights=weight))
        candidate = Candidate(share, loss, float(right.mean()))
        scored.append((candidate, temperature, probabilities))
    # Of equal ones the first, which changes least.
    best, temperature, probabilities = min(scored, key=lambda one: one[0].log_loss)
    averaged = settings.choose == "average"
    rates = dict(trials[0].rates)
    if best.share == 0:
        rates[MAIN] = []
    return Choice(
        history=_history([trial.logs for trial in trials]),
        rates=rates,
        share=best.share,
        candidates=tuple(one for one, *_ in scored) if averaged else (),
        trials=len(trials),
        held_out=held_out,
        head_probabilities=np.concatenate([one.head_probabilities for one in trials]),
        probabilities=probabilities,
        temperature=temperature,
    )


def _history(logs: Sequence[Mapping[int, EpochLog]]) -> History:
    """Return columns of one value per epoch, counting through all phases."""
    names = ("phase", *CURVES, "learning_rate", "seconds")
    columns = [
        as_history(
            [
                {**row, "phase": float(phase)}
                for phase, log in one.items()
                for row in log.rows
            ],
            names,
        )
        for one in logs
    ]
    return {
        name: np.mean([one[name] for one in columns], axis=0).tolist()
        for name in columns[0]
    }
