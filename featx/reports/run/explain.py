"""Section: what a run's scores mean, in sentences for someone new to them."""

import numpy as np

from featx.figures.labels import shorten
from featx.figures.per_class import by_f1
from featx.reports.numbers import (
    deviation,
    percent,
    points,
    show,
    show_interval,
)
from featx.reports.run.section import prose_section
from featx.runs.metrics import Metrics
from featx.runs.run import Run


def explain(run: Run) -> list[str]:
    """Say in a few sentences what the scores of a run mean."""
    metrics = run.metrics
    sentences = [
        _accuracy(metrics),
        _comparison(metrics),
        _from_scratch(run),
        _cross_validation(metrics),
        _held_out(run),
        _repeats(metrics),
        _classes(run),
    ]
    return [sentence for sentence in sentences if sentence]


def _accuracy(metrics: Metrics) -> str:
    count, right = metrics.n_test, int(np.trace(metrics.confusion))
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


def _comparison(metrics: Metrics) -> str:
    classes = len(metrics.classes)
    commonest = metrics.confusion.sum(axis=1).max() / metrics.n_test
    return (
        f"For comparison: guessing among the {classes:,} classes would be right"
        f" {percent(1 / classes)} of the time, always naming the commonest one"
        f" {percent(commonest)}."
    )


def _from_scratch(run: Run) -> str:
    if not run.from_scratch:
        return ""
    return (
        f"All {run.metrics.parameters:,} parameters of {run.backbone} were initialised"
        " at random and learned from these training images alone. The leaderboard"
        " compares it with networks that were trained on ImageNet."
    )


def _held_out(run: Run) -> str:
    """Say what the held-out images of a network were for."""
    metrics = run.metrics
    count = metrics.n_val
    if not count or run.finetuned:
        return ""
    learned = metrics.n_train - count
    text = (
        f"It learned from {learned:,} of the {metrics.n_train:,} training images;"
        f" the other {count:,} were held out to monitor it and chose nothing. Of these"
        f" it got {show(metrics, 'val_accuracy')} right."
    )
    if metrics.cv_accuracy is None:
        text += (
            " It was not cross-validated (--folds), which trains it once per fold, so"
            " it is ranked after the runs that were."
        )
    return text


def _repeats(metrics: Metrics) -> str:
    """Say how much depends on the seed, where the training was repeated."""
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
    low, high = metrics.intervals.get("accuracy", (0.0, 1.0))
    if "accuracy" not in metrics.intervals:
        verdict = ""
    elif metrics.cv_accuracy > high:
        verdict = (
            ", more than the test split: its images may be harder, or differ from"
            " those in training"
        )
    elif metrics.cv_accuracy < low:
        verdict = (
            ", less than the test split: its images may be easier, and each fold"
            " learned from fewer images"
        )
    else:
        verdict = ", which agrees with the test split"
    return (
        f"Cross-validation inside the train split gave {show(metrics, 'cv_accuracy')}"
        f"{deviation(metrics)}{verdict}."
    )


def _classes(run: Run) -> str:
    if len(run.classes) < 3:
        return ""
    order = by_f1(run.metrics.per_class, run.classes)
    best, worst = run.classes[order[0]], run.classes[order[-1]]
    return (
        f"It knows {shorten(best, 60)} best and has the most trouble with"
        f" {shorten(worst, 60)}."
    )


SECTION = prose_section("What this means", explain)
