"""The table of metrics, and their measurement with intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.by_class import Answers, ByClass, Macro, macro_intervals
from featx.evaluation.calibration import bin_of, calibration_error
from featx.evaluation.intervals import effective_number, share_interval
from featx.evaluation.losses import Loss, Losses, loss_intervals

TOP = 5


class Predicted:
    """Probabilities for the test images, beside their true classes.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    probabilities : ndarray of float, shape (n, n_classes)

    Attributes
    ----------
    y : ndarray of int, shape (n,)
        As given.
    n_classes : int
    losses : Losses
    codes : ndarray of int, shape (n,)
        Predicted classes.
    hits, in_top : ndarray of bool, shape (n,)
        Whether the true class is the predicted one, and whether it is among the five
        most probable ones.
    bins : ndarray of int, shape (n,)
        In which bin of confidence an image falls.
    excess : ndarray of float64, shape (n,)
        By how much confidence exceeds being right, 1 or 0.
    """

    def __init__(
        self, y: NDArray[np.integer], probabilities: NDArray[np.floating]
    ) -> None:
        self.y = y
        self.n_classes = probabilities.shape[1]
        self.codes = probabilities.argmax(axis=1)
        self.hits = self.codes == y
        # Stable, as argmax is: among equals the first class counts in both.
        top = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
        self.in_top = (top == y[:, None]).any(axis=1)
        self.losses = Losses(probabilities)
        confidence = self.losses.probabilities.max(axis=1)
        self.bins, self.excess = bin_of(confidence), confidence - self.hits


@dataclass(eq=False)
class Sample:
    """The test images, or a resample of them.

    Attributes
    ----------
    predicted : Predicted
    weights : ndarray of int, shape (n,)
        How often each image was drawn.
    """

    predicted: Predicted
    weights: NDArray[np.integer]

    def mean(self, values: NDArray[Any]) -> float:
        """Return the mean of one value per image over the images drawn."""
        return float(values @ self.weights / self.weights.sum())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, in ten bins of confidence."""
        predicted = self.predicted
        return calibration_error(predicted.bins, predicted.excess, self.weights)


@dataclass(frozen=True)
class Metric:
    """A row of the table of metrics.

    Attributes
    ----------
    key : str
        Name in `metrics.json`.
    label, meaning : str
        For the reader.
    brief : str
        The label where there is little room; empty keeps the metric out of the
        figures at the top of a run's page.
    share : bool
        Shown in percent.
    listed : bool
        Has a column in the leaderboard, beside accuracy and cross-validation.
    more_classes_than : int
        Only measured where there are more classes.
    hits, macro, loss, measure : callable or None
        One of them measures the test images; none does where training measures. `hits`
        says for each image whether it counts: the score is their share, with an
        interval for shares. `macro` is a mean over classes, with the interval of
        `macro_intervals`. `loss` is what each image costs: the score is the mean, with
        the interval of `loss_intervals`. `measure` is anything else, without an
        interval: chance alone opens gaps between confidence and accuracy, so resamples
        have a larger calibration error.
    """

    key: str
    label: str
    meaning: str
    brief: str = ""
    share: bool = False
    listed: bool = False
    more_classes_than: int = 0
    hits: Callable[[Predicted], NDArray[np.bool_]] | None = None
    macro: Macro | None = None
    loss: Loss | None = None
    measure: Callable[[Sample], float] | None = None

    @property
    def heading(self) -> str:
        """The label of a column."""
        return self.brief or self.label


METRICS = (
    Metric(
        "cv_accuracy",
        "Accuracy in cross-validation",
        "Share of the train split that was right when held out. It decides which run is"
        " best.",
        brief="Cross-validation",
        share=True,
    ),
    Metric(
        "cv_log_loss",
        "Log loss in cross-validation",
        "Mean over the images of the train split, held out. It decides between runs of"
        " equal accuracy.",
    ),
    Metric(
        "cv_brier",
        "Brier score in cross-validation",
        "Mean squared error of the probabilities of the train split, held out.",
    ),
    Metric(
        "cv_ece",
        "Calibration error in cross-validation",
        "Mean gap between how confident it is and how often it is right, on the train"
        " split, held out.",
        share=True,
    ),
    Metric(
        "val_accuracy",
        "Accuracy, held out",
        "Share of correct predictions for training images that were held out.",
        brief="Held out",
        share=True,
    ),
    Metric(
        "accuracy",
        "Accuracy",
        "Share of the test images that got the right class.",
        brief="Test accuracy",
        share=True,
        hits=lambda predicted: predicted.hits,
    ),
    Metric(
        "balanced_accuracy",
        "Balanced accuracy",
        "The same with every class counting alike, however many images it has.",
        share=True,
        macro=ByClass.balanced_accuracy,
    ),
    Metric(
        "top5_accuracy",
        "Top-5 accuracy",
        "Share of the test images whose class is among the five most probable.",
        brief="Top-5 accuracy",
        share=True,
        more_classes_than=TOP,
        hits=lambda predicted: predicted.in_top,
    ),
    Metric(
        "precision_macro",
        "Precision, macro",
        "Of the images given a class, the share that belongs to it; mean over classes.",
        macro=lambda classes: classes.macro("precision"),
    ),
    Metric(
        "recall_macro",
        "Recall, macro",
        "Of the images of a class, the share that was found; mean over classes.",
        macro=lambda classes: classes.macro("recall"),
    ),
    Metric(
        "f1_macro",
        "F1, macro",
        "Harmonic mean of precision and recall; mean over classes.",
        brief="Macro F1",
        listed=True,
        macro=lambda classes: classes.macro("f1"),
    ),
    Metric(
        "log_loss",
        "Log loss",
        "Penalizes probability given to wrong classes. 0 is perfect, lower is better.",
        brief="Log loss",
        listed=True,
        loss=Losses.log_loss,
    ),
    Metric(
        "brier",
        "Brier score",
        "Mean squared error of the probabilities, summed over classes: 0 to 2, lower is"
        " better.",
        loss=Losses.brier,
    ),
    Metric(
        "ece",
        "Calibration error",
        "Mean gap between how confident the classifier is and how often it is right.",
        share=True,
        measure=lambda sample: sample.calibration_error,
    ),
)
BY_KEY = {metric.key: metric for metric in METRICS}


def evaluate(
    y: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    *,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Score predicted probabilities against the true classes.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    probabilities : ndarray of float, shape (n, n_classes)
        Columns in class order; each row sums to one.
    classes : sequence of str
    groups : ndarray of int, shape (n,), optional
        Images of one group are copies. Scores count each of them, intervals take them
        for one.
    seed : int
        Of the resampling.

    Returns
    -------
    dict
        The metrics of the table that are measured on test images, by key;
        `intervals` (95%), `confusion_matrix`, `per_class`, `n_test`,
        `n_test_distinct` (contents), `n_test_effective` (see `effective_number`),
        `classes`.

    Raises
    ------
    ValueError
        The shapes don't fit together, or there is no row.
    """
    from sklearn.metrics import confusion_matrix

    n_classes = len(classes)
    if probabilities.shape != (len(y), n_classes) or not len(y):
        raise ValueError(
            f"{probabilities.shape} probabilities, {len(y)} labels, {n_classes} classes"
        )
    predicted = Predicted(y, probabilities)
    metrics = [metric for metric in METRICS if n_classes > metric.more_classes_than]
    ones = np.ones(len(y), dtype=np.int64)
    found = Answers(y, predicted.codes, ones, n_classes).by_class()
    groups = np.arange(len(y)) if groups is None else groups
    # Copies that bear different labels are different answers.
    _, first, copies = np.unique(
        np.stack([groups, y]), axis=1, return_index=True, return_counts=True
    )
    distinct = Sample(Predicted(y[first], probabilities[first]), copies)
    codes = np.arange(n_classes)
    return {
        **_scores(metrics, Sample(predicted, ones), found),
        "intervals": _intervals(metrics, distinct, seed),
        "confusion_matrix": confusion_matrix(y, predicted.codes, labels=codes).tolist(),
        "per_class": {
            name: {
                "precision": float(found.precision[i]),
                "recall": float(found.recall[i]),
                "f1": float(found.f1[i]),
                "support": int(found.support[i]),
            }
            for i, name in enumerate(classes)
        },
        "n_test": len(y),
        "n_test_distinct": len(np.unique(groups)),
        "n_test_effective": effective_number(copies),
        "classes": list(classes),
    }


def _scores(
    metrics: Sequence[Metric], sample: Sample, found: ByClass
) -> dict[str, float]:
    """Return what each metric that is measured on test images is."""
    scores = {}
    for metric in metrics:
        if metric.hits:
            scores[metric.key] = sample.mean(metric.hits(sample.predicted))
        elif metric.macro:
            scores[metric.key] = float(metric.macro(found))
        elif metric.loss:
            y, losses = sample.predicted.y, sample.predicted.losses
            scores[metric.key] = sample.mean(metric.loss(losses, np.arange(len(y)), y))
        elif metric.measure:
            scores[metric.key] = metric.measure(sample)
    return scores


def _intervals(
    metrics: Sequence[Metric], whole: Sample, seed: int
) -> dict[str, list[float]]:
    """Return the 95% interval of each score of the distinct images."""
    distinct, copies = whole.predicted, whole.weights
    answers = Answers(distinct.y, distinct.codes, copies, distinct.n_classes)
    n = effective_number(copies)
    found = {
        metric.key: share_interval(whole.mean(metric.hits(distinct)), n)
        for metric in metrics
        if metric.hits
    }
    macros = {metric.key: metric.macro for metric in metrics if metric.macro}
    found |= macro_intervals(answers, macros, seed=seed)
    losses = {metric.key: metric.loss for metric in metrics if metric.loss}
    found |= loss_intervals(distinct.y, distinct.losses, copies, losses, seed=seed)
    return {metric.key: found[metric.key] for metric in metrics if metric.key in found}
