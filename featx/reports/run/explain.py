"""What a run's numbers mean, in sentences for someone new to them."""

import numpy as np
from numpy.typing import NDArray

from featx.figures.labels import shorten
from featx.figures.per_class import by_f1
from featx.reports.numbers import percent, points, show, show_interval
from featx.runs.metrics import Metrics
from featx.runs.run import Run


def explain(run: Run) -> list[str]:
    """Say in a few sentences what the scores of a run mean."""
    metrics = run.metrics
    matrix = metrics.confusion
    sentences = [
        _accuracy(metrics, int(np.trace(matrix))),
        _comparison(metrics, matrix),
        _from_scratch(run),
        _cross_validation(metrics),
        _held_out(run),
        _repeats(metrics),
        _classes(run),
    ]
    return [sentence for sentence in sentences if sentence]


def explain_confidence(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], error: float
) -> str:
    """Say whether the probabilities agree with how often they are right.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Probability of the predicted class.
    correct : ndarray of bool, shape (n,)
    error : float
        Expected calibration error.
    """
    sure, right = float(confidence.mean()), float(correct.mean())
    # Two standard errors of the accuracy, but at least two points.
    leeway = max(0.02, 2 * (right * (1 - right) / len(correct)) ** 0.5)
    if sure > right + leeway:
        verdict = "It is overconfident: treat its probabilities with caution."
    elif sure < right - leeway:
        verdict = "It is right more often than it says: it is underconfident."
    else:
        verdict = "On average its probabilities are about right."
    return (
        f"On average it gives the class it names a probability of {percent(sure)},"
        f" and is right {percent(right)} of the time. {verdict}"
        f" The mean gap over ten bins (expected calibration error) is {error:.3f}."
    )


def _accuracy(metrics: Metrics, right: int) -> str:
    count = metrics.n_test
    images = "image that was" if count == 1 else "images that were"
    text = (
        f"Of {count:,} test {images} kept out of training, {right:,} got the right"
        f" class: {show(metrics, 'accuracy')}."
    )
    interval = show_interval(metrics, "accuracy")
    if interval:
        text += (
            " Another test of this size could well differ: a true accuracy anywhere"
            f" from {interval} fits this result (95% interval)."
        )
    return text


def _comparison(metrics: Metrics, matrix: NDArray[np.int64]) -> str:
    classes = len(metrics.classes)
    commonest = matrix.sum(axis=1).max() / max(matrix.sum(), 1)
    return (
        f"For comparison: guessing among the {classes:,} classes would be right"
        f" {percent(1 / classes)} of the time, always naming the commonest one"
        f" {percent(commonest)}."
    )


def _from_scratch(run: Run) -> str:
    if not run.from_scratch:
        return ""
    return (
        f"All {run.metrics.parameters:,} parameters of {run.backbone} were learned"
        " from these training images alone, from random ones on. What a network that"
        " has seen ImageNet is worth, the leaderboard says beside it."
    )


def _held_out(run: Run) -> str:
    """Say what the images held out were for, of a network that has some."""
    metrics = run.metrics
    count = metrics.n_val
    if not count or run.finetuned:
        return ""
    learned = metrics.n_train - count
    text = (
        f"It learned from {learned:,} of the {metrics.n_train:,} training images;"
        f" the other {count:,} were held out to watch it and chose nothing. Of these"
        f" it got {show(metrics, 'val_accuracy')} right."
    )
    if metrics.cv_accuracy is None:
        text += (
            " It was not cross-validated, which would train it once for each fold"
            " (--folds); so it is ranked after runs that were."
        )
    return text


def _repeats(metrics: Metrics) -> str:
    """Say how much depends on the seed, of a run that was repeated."""
    repeats = metrics.repeats
    if not repeats:
        return ""
    tested = repeats.accuracy
    return (
        f"Trained {len(repeats.seeds)} times with other seeds, it reached"
        f" {percent(tested.mean)} ± {points(tested.std)} on the test split. The"
        " scores and predictions here are those of the first; none was picked."
    )


def _cross_validation(metrics: Metrics) -> str:
    if metrics.cv_accuracy is None:
        return ""
    text = (
        f"Cross-validation inside the train split gave {show(metrics, 'cv_accuracy')}"
        f"{deviation(metrics)}"
    )
    interval = metrics.intervals.get("accuracy")
    if interval is None:
        return text + "."
    low, high = interval
    if metrics.cv_accuracy > high:
        return text + (
            ", more than the test split: its images may be harder, or differ from"
            " those in training."
        )
    if metrics.cv_accuracy < low:
        return text + (
            ", less than the test split: its images may be easier, and each fold"
            " learned from fewer images."
        )
    return text + ", which agrees with the test split."


def deviation(metrics: Metrics) -> str:
    """Write the deviation over the folds as `` ± 1.1``, in percentage points."""
    value = metrics.cv_accuracy_std
    return "" if value is None else f" ± {points(value)}"


def _classes(run: Run) -> str:
    if len(run.classes) < 3:
        return ""
    order = by_f1(run.metrics.per_class, run.classes)
    best, worst = run.classes[order[0]], run.classes[order[-1]]
    return (
        f"It knows {shorten(best, 60)} best and has the most trouble with"
        f" {shorten(worst, 60)}."
    )
