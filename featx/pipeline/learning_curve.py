"""The learning curve of a head: what it costs, and which runs have one."""

from pathlib import Path
from typing import Any

from featx.evaluation.cross_validation import CrossValidation, Fit
from featx.evaluation.learning_curve import (
    LearningCurve,
    curve_fits,
    measure_learning_curve,
)
from featx.heads.settings import HeadSettings
from featx.progress import Update, timed
from featx.provenance import fingerprint_of
from featx.runs.write import find_fitted
from featx.splits import Labels

Data = tuple[Any, Labels, Labels]
"""X, y and groups of the training images; X as in `cross_validate`."""


def extra_fits(settings: HeadSettings, data: Data) -> int:
    """Return how many fits the learning curve takes, none where it isn't wanted."""
    _, y, groups = data
    return curve_fits(y, groups, settings.folds) if settings.learning_curve else 0


def find_learning_curve(
    settings: HeadSettings,
    fit: Fit,
    data: Data,
    cross_validation: CrossValidation,
    timings: dict[str, float],
    on_fit: Update,
) -> LearningCurve | None:
    """Measure the learning curve of a head that was cross-validated, if it is wanted.

    Parameters
    ----------
    settings : HeadSettings
    fit : callable
        That was cross-validated on `data`.
    data : tuple
    cross_validation : CrossValidation
    timings : dict
        Gets the seconds that it took.
    on_fit : callable
        Called with (done, total) after each fit.
    """
    if not settings.learning_curve:
        return None
    with timed(timings, "learning_curve"):
        return measure_learning_curve(
            fit,
            *data,
            cross_validation.right,
            folds=settings.folds,
            seed=settings.seed,
            temperature=cross_validation.temperature,
            on_fit=on_fit,
        )


def find_fingerprint(settings: HeadSettings, out_dir: Path, *inputs: Any) -> str:
    """Return the fingerprint of the run of a head, or of one that has more.

    The learning curve changes nothing else, so a run that has one also is the run
    without. The other way round the run is made again, as one of its own: what is
    written is never changed.

    Parameters
    ----------
    settings : HeadSettings
    out_dir : Path
        Where runs are.
    *inputs
        What else went into it.
    """
    # A limit of what isn't done changes nothing.
    unused = {"learning_curve"} if settings.tune else {"learning_curve", "tune_seconds"}
    stated = settings.model_dump(mode="json", exclude=unused)
    without = fingerprint_of(*inputs, stated)
    having = fingerprint_of(*inputs, {**stated, "learning_curve": True})
    if settings.learning_curve:
        return having
    is_there = [find_fitted(out_dir, one) is not None for one in (without, having)]
    return having if is_there == [False, True] else without
