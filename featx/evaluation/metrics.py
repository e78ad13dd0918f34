"""Scores of predicted probabilities, each with a bootstrap interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import mean_interval, resampled_weights

TOP = 5


def evaluate(
    y: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Score probabilities against the truth.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    probabilities : ndarray of float, shape (n, n_classes)
        Columns in class order; each row sums to one.
    classes : sequence of str
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        scikit-learn's names: `accuracy`, `balanced_accuracy`, `precision_macro`,
        `recall_macro`, `f1_macro`, `log_loss`, `top5_accuracy` (more than five
        classes), `intervals` (95%, percentile bootstrap of the images),
        `confusion_matrix`, `per_class`, `n_test`, `classes`.

    Raises
    ------
    ValueError
        The shapes don't fit together, or there is no row.
    """
    from sklearn.metrics import (
        confusion_matrix,
        log_loss,
        precision_recall_fscore_support,
    )

    n_classes = len(classes)
    if probabilities.shape != (len(y), n_classes) or not len(y):
        raise ValueError(
            f"{probabilities.shape} probabilities, {len(y)} labels, {n_classes} classes"
        )
    predicted = probabilities.argmax(axis=1)
    codes = np.arange(n_classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        y, predicted, labels=codes, zero_division=0
    )
    seen = np.union1d(y, predicted)  # scikit-learn's default for the means
    scores: dict[str, Any] = {
        "accuracy": float((predicted == y).mean()),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "precision_macro": float(precision[seen].mean()),
        "recall_macro": float(recall[seen].mean()),
        "f1_macro": float(f1[seen].mean()),
        "log_loss": float(log_loss(y, probabilities, labels=codes)),
    }
    if n_classes > TOP:
        scores["top5_accuracy"] = float(_in_top(y, probabilities).mean())
    scores["intervals"] = _intervals(y, probabilities, n_classes, seed)
    scores["confusion_matrix"] = confusion_matrix(y, predicted, labels=codes).tolist()
    scores["per_class"] = {
        name: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(support[i]),
        }
        for i, name in enumerate(classes)
    }
    return {**scores, "n_test": len(y), "classes": list(classes)}


def _in_top(
    y: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Tell which rows have the truth among their most probable classes."""
    # Stable, as argmax is: among equals the first class counts in both.
    top = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    within: NDArray[np.bool_] = (top == y[:, None]).any(axis=1)
    return within


def _intervals(
    y: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    n_classes: int,
    seed: int,
) -> dict[str, list[float]]:
    """Return the 95% interval of each score over resampled test images."""
    predicted = probabilities.argmax(axis=1)
    least = np.finfo(probabilities.dtype).eps  # as scikit-learn's log_loss
    truth = np.clip(probabilities[np.arange(len(y)), y], least, 1 - least)
    intervals = {
        "accuracy": mean_interval(predicted == y, seed=seed),
        "log_loss": mean_interval(-np.log(truth), seed=seed),
    }
    if n_classes > TOP:
        intervals["top5_accuracy"] = mean_interval(_in_top(y, probabilities), seed=seed)
    scores = np.array(
        [
            _macro_scores(y, predicted, weights, n_classes)
            for weights in resampled_weights(len(y), seed=seed)
        ]
    )
    low, high = np.percentile(scores, [2.5, 97.5], axis=0)
    names = ("precision_macro", "recall_macro", "f1_macro", "balanced_accuracy")
    for i, name in enumerate(names):
        intervals[name] = [float(low[i]), float(high[i])]
    return intervals


def _macro_scores(
    y: NDArray[np.integer],
    predicted: NDArray[np.integer],
    weights: NDArray[np.integer],
    n_classes: int,
) -> tuple[float, float, float, float]:
    """Return precision, recall, F1 and balanced accuracy of one resample.

    The means are over the classes that the resample holds: a class that was not
    drawn says nothing about the classifier. One that the test part lacks and that is
    predicted all the same counts as 0, as in the scores themselves.
    """
    hits = np.bincount(y, weights * (y == predicted), minlength=n_classes)
    support = np.bincount(y, weights, minlength=n_classes)
    claimed = np.bincount(predicted, weights, minlength=n_classes)
    drawn = support > 0
    absent = np.bincount(y, minlength=n_classes) == 0
    counted = drawn | (absent & (claimed > 0))
    precision = hits / np.maximum(claimed, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(claimed + support, 1)
    return (
        float(precision[counted].mean()),
        float(recall[counted].mean()),
        float(f1[counted].mean()),
        float(recall[drawn].mean()),
    )
