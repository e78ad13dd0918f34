"""The table of metrics, and their measurement with bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import LEVEL, resampled_weights

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
    codes : ndarray of int, shape (n,)
        Predicted classes.
    hits, in_top : ndarray of bool, shape (n,)
        Whether the true class is the predicted one, and whether it is among the five
        most probable ones.
    surprise : ndarray of float64, shape (n,)
        Minus the logarithm of the true class's probability.
    absent : ndarray of bool, shape (n_classes,)
        Whether a class has no test image.
    """

    def __init__(
        self, y: NDArray[np.integer], probabilities: NDArray[np.floating]
    ) -> None:
        self.y = y
        self.n_classes = probabilities.shape[1]
        self.codes = probabilities.argmax(axis=1)
        self.hits = self.codes == y
        self.absent = np.bincount(y, minlength=self.n_classes) == 0
        # Stable, as argmax is: among equals the first class counts in both.
        top = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
        self.in_top = (top == y[:, None]).any(axis=1)
        least = np.finfo(probabilities.dtype).eps  # as scikit-learn's log_loss
        truth = np.clip(probabilities[np.arange(len(y)), y], least, 1 - least)
        self.surprise = -np.log(truth.astype(np.float64))


class ByClass(NamedTuple):
    """Scores of each class, and which classes count in their means.

    The means are over the classes that the sample holds: a class that was not drawn
    says nothing about the classifier. One that the test split lacks and that is
    predicted all the same counts as 0, as in scikit-learn.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.integer]
    counted: NDArray[np.bool_]


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
        return float(values @ self.weights / len(values))

    @cached_property
    def by_class(self) -> ByClass:
        """Precision, recall, F1 and support of each class."""
        predicted, weights = self.predicted, self.weights
        n = predicted.n_classes
        hits = np.bincount(predicted.y, weights * predicted.hits, minlength=n)
        support = np.bincount(predicted.y, weights, minlength=n)
        claimed = np.bincount(predicted.codes, weights, minlength=n)
        return ByClass(
            precision=hits / np.maximum(claimed, 1),
            recall=hits / np.maximum(support, 1),
            f1=2 * hits / np.maximum(claimed + support, 1),
            support=support,
            counted=(support > 0) | (predicted.absent & (claimed > 0)),
        )

    def macro(self, name: str) -> float:
        """Return the mean over classes of ``precision``, ``recall`` or ``f1``."""
        scores: NDArray[np.float64] = getattr(self.by_class, name)
        return float(scores[self.by_class.counted].mean())


def _balanced_accuracy(sample: Sample) -> float:
    found = sample.by_class
    return float(found.recall[found.support > 0].mean())


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
    measure : callable or None
        Of a sample of the test images; None for what is measured during training.
    """

    key: str
    label: str
    meaning: str
    brief: str = ""
    share: bool = False
    listed: bool = False
    more_classes_than: int = 0
    measure: Callable[[Sample], float] | None = None

    @property
    def heading(self) -> str:
        """The label of a column."""
        return self.brief or self.label


METRICS = (
    Metric(
        "cv_accuracy",
        "Accuracy in cross-validation",
        "Mean over the folds of the train split. It alone chooses between runs.",
        brief="Cross-validation",
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
        measure=lambda sample: sample.mean(sample.predicted.hits),
    ),
    Metric(
        "balanced_accuracy",
        "Balanced accuracy",
        "The same with every class counting alike, however many images it has.",
        share=True,
        measure=_balanced_accuracy,
    ),
    Metric(
        "top5_accuracy",
        "Top-5 accuracy",
        "Share of the test images whose class is among the five most probable.",
        brief="Top-5 accuracy",
        share=True,
        more_classes_than=TOP,
        measure=lambda sample: sample.mean(sample.predicted.in_top),
    ),
    Metric(
        "precision_macro",
        "Precision, macro",
        "Of the images given a class, the share that belongs to it; mean over classes.",
        measure=lambda sample: sample.macro("precision"),
    ),
    Metric(
        "recall_macro",
        "Recall, macro",
        "Of the images of a class, the share that was found; mean over classes.",
        measure=lambda sample: sample.macro("recall"),
    ),
    Metric(
        "f1_macro",
        "F1, macro",
        "Harmonic mean of precision and recall; mean over classes.",
        brief="Macro F1",
        listed=True,
        measure=lambda sample: sample.macro("f1"),
    ),
    Metric(
        "log_loss",
        "Log loss",
        "Penalizes probability given to wrong classes. 0 is perfect, lower is better.",
        brief="Log loss",
        listed=True,
        measure=lambda sample: sample.mean(sample.predicted.surprise),
    ),
)
BY_KEY = {metric.key: metric for metric in METRICS}


def evaluate(
    y: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    *,
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
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        The metrics of the table that are measured on test images, by key;
        `intervals` (95%, percentile bootstrap of the images), `confusion_matrix`,
        `per_class`, `n_test`, `classes`.

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
    measures = {
        metric.key: metric.measure
        for metric in METRICS
        if metric.measure and n_classes > metric.more_classes_than
    }
    whole = Sample(predicted, np.ones(len(y), dtype=np.int64))
    codes = np.arange(n_classes)
    found = whole.by_class
    return {
        **{key: measure(whole) for key, measure in measures.items()},
        "intervals": _intervals(predicted, measures, seed),
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
        "classes": list(classes),
    }


def _intervals(
    predicted: Predicted, measures: dict[str, Callable[[Sample], float]], seed: int
) -> dict[str, list[float]]:
    """Return the 95% interval of each score over resampled test images."""
    scores = []
    for weights in resampled_weights(len(predicted.y), seed=seed):
        sample = Sample(predicted, weights)
        scores.append([measure(sample) for measure in measures.values()])
    ends = np.percentile(scores, LEVEL, axis=0).T.tolist()
    return dict(zip(measures, ends, strict=True))
