"""The content of `metrics.json`: a run's scores, each with its interval."""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from featx.evaluation.metrics import BY_KEY, METRICS, Metric
from featx.runs.record import Record, Text

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""A number of images."""

Interval = tuple[float, float]
"""Low and high end of a 95% interval."""


class ClassScores(Record):
    """Scores of one class; `support` is its number of test images."""

    precision: float
    recall: float
    f1: float
    support: Count


class Spread(Record):
    """What repeated trainings reached: mean, standard deviation, and each value."""

    mean: float
    std: float
    values: list[float]


class Repeats(Record):
    """Trainings that differ in the seed; the first is the run's own."""

    seeds: list[int]
    accuracy: Spread
    val_accuracy: Spread | None = None
    log_loss: Spread | None = None


class Parent(Record):
    """How the head did that fine-tuning started from."""

    accuracy: float
    interval: Interval
    val_accuracy: float


class JoinedModelCheck(Record):
    """How the joined model compared with the head before training.

    Attributes
    ----------
    images : int
        Test images that both predicted.
    largest_difference : float
        Between their probabilities.
    tolerance, largest_logit : float or None
        The largest difference that rounding explains, and the logit that it depends on.
    drift : float or None
        The greatest change of a probability by the embeddings' lower precision.
    distilled_agreement : float or None
        Share of the images that a distilled head puts into the head's class.
    """

    images: int
    largest_difference: float
    tolerance: float | None = None
    largest_logit: float | None = None
    drift: float | None = None
    distilled_agreement: float | None = None


class FrozenOutputTimes(Record):
    """What it saved to compute the outputs of the frozen layers once.

    Attributes
    ----------
    layer : str
        The last frozen layer; of several backbones comma-separated.
    seconds_caching : float
        To compute its outputs.
    seconds_epoch, seconds_epoch_plain : float or None
        An epoch on these outputs, and on the images.
    """

    layer: str
    seconds_caching: float
    seconds_epoch: float | None = None
    seconds_epoch_plain: float | None = None


class Candidate(Record):
    """An average of the weights before and after training, on the images held out.

    Attributes
    ----------
    share : float
        How much of the change in weights it keeps.
    log_loss, accuracy : float
    """

    share: float
    log_loss: float
    accuracy: float


class FinetuneMetrics(Record):
    """What fine-tuning gained over the head that it started from.

    Attributes
    ----------
    gain, val_gain : float
        Differences of accuracy on the test split and on the images held out, paired
        by image.
    epochs : int
        Of the training on all images, not counting the warm-up; 0 where none made the
        model better on the images held out.
    share : float or None
        How much of the change in weights was kept; None where an epoch was chosen, as
        it always was up to featx 0.2.
    candidates : list of Candidate
        Between which it was chosen.
    trials : int
        Trainings that were validated; more than one held out each part in turn.
    recommended : {"finetuned", "head"}
        By the images held out.
    graft : JoinedModelCheck
    boundary : FrozenOutputTimes or None
    """

    parent: Parent
    gain: float
    gain_interval: Interval
    val_gain: float
    val_gain_interval: Interval
    epochs: int
    share: float | None = None
    candidates: list[Candidate] = Field(default_factory=list)
    trials: Count = 1
    recommended: Literal["finetuned", "head"]
    graft: JoinedModelCheck
    boundary: FrozenOutputTimes | None = None


class CurvePoint(Record):
    """What was reached with so many training images, which were held out in turn.

    Attributes
    ----------
    images, images_per_class : float
        That a head was fitted on, mean over the fits.
    accuracy : float
        When held out.
    std : float or None
        Deviation between fits on different images that were scored on the same ones;
        None where there was one fit in each fold.
    fits : int
    """

    images: Annotated[float, Field(gt=0)]
    images_per_class: Annotated[float, Field(gt=0)]
    accuracy: float
    std: float | None = None
    fits: Count


class PowerLaw(Record):
    """The error with n training images a class: a n^-b + c."""

    a: float
    b: float
    c: float


class CurveForecast(Record):
    """What twice the images would likely bring.

    Attributes
    ----------
    images, images_per_class : float
        Twice those of the last point.
    accuracy : float
    interval : (float, float)
    """

    images: float
    images_per_class: float
    accuracy: float
    interval: Interval


class FittedPoint(Record):
    """A point of the power law, with its interval."""

    images_per_class: float
    accuracy: float
    interval: Interval


class LearningCurve(Record):
    """Accuracy against training images.

    Attributes
    ----------
    points : list of CurvePoint
        The smallest first; the last is the cross-validation.
    law : PowerLaw or None
        None where there is no forecast.
    fitted : list of FittedPoint
        The power law from the first point on, up to the forecast.
    forecast : CurveForecast or None
    reason : {"", "few images", "falling"}
        Why there is no forecast.
    """

    points: Annotated[list[CurvePoint], Field(min_length=1)]
    law: PowerLaw | None = None
    fitted: list[FittedPoint] = Field(default_factory=list)
    forecast: CurveForecast | None = None
    reason: Literal["", "few images", "falling"] = ""


class Metrics(Record):
    """The content of `metrics.json`; scores that have no attribute are items.

    Attributes
    ----------
    cv_accuracy, cv_accuracy_std, cv_log_loss : float or None
        Of the cross-validation inside the train split; None without one.
    cv_brier, cv_ece : float or None
        The same; None also in runs of 0.2 and before.
    val_accuracy : float or None
        On the training images that were held out of training.
    accuracy : float
        On the test split.
    intervals : dict of str to (float, float)
        95% interval of a score.
    confusion_matrix : list of list of int
        Rows are true classes, columns predicted ones.
    per_class : dict of str to ClassScores
    n_train, n_val, n_test : int
        Images.
    n_test_distinct : int or None
        Different test images: copies count as one, as they do in the intervals. None
        in runs of 0.2 and before, with bootstrap intervals that count every copy.
    n_test_effective : float or None
        Of how many independent images the intervals are; fewer than the different ones
        where some have more copies than others. None in runs of 0.2 and before.
    classes : list of str
        In the order of all columns.
    weights : str or None
        As in `run.json`.
    parameters : int or None
        Of a network from scratch.
    best_epoch : int or None
        The epoch, from 1 on, whose weights a network from scratch has. None where
        nothing was held out to choose it, and in runs of 0.2 and before, which have
        those of the last.
    learning_curve : LearningCurve or None
        None where it wasn't asked for.
    repeats : Repeats or None
    finetune : FinetuneMetrics or None
    """

    cv_accuracy: float | None
    cv_accuracy_std: float | None = None
    cv_log_loss: float | None = None
    cv_brier: float | None = None
    cv_ece: float | None = None
    val_accuracy: float | None = None
    accuracy: float
    intervals: dict[str, Interval] = Field(default_factory=dict)
    confusion_matrix: list[list[Count]]
    per_class: dict[Text, ClassScores]
    n_train: Count
    n_val: Count = 0
    n_test: Count
    n_test_distinct: Count | None = None
    n_test_effective: Annotated[float, Field(gt=0)] | None = None
    classes: list[Text]
    weights: Text | None = None
    parameters: int | None = None
    best_epoch: Count | None = None
    learning_curve: LearningCurve | None = None
    repeats: Repeats | None = None
    finetune: FinetuneMetrics | None = None

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        """Check that scores are numbers, and that each class has its rows."""
        count = len(self.classes)
        scores = {key: self.get(key, 0.0) for key in BY_KEY}
        wrong = [k for k, v in scores.items() if not isinstance(v, int | float | None)]
        if wrong:
            raise ValueError(f"'{wrong[0]}' is not a number")
        if [len(row) for row in self.confusion_matrix] != [count] * count:
            raise ValueError(f"'confusion_matrix' is not {count} x {count}")
        if set(self.per_class) != set(self.classes):
            raise ValueError("'per_class' and 'classes' name other classes")
        return self

    @property
    def measured(self) -> list[Metric]:
        """The rows of the table of metrics that the run has a score for."""
        return [metric for metric in METRICS if self.get(metric.key) is not None]

    @property
    def n_independent(self) -> float:
        """How many independent test images there are: copies say nothing new."""
        return self.n_test_effective or self.n_test_distinct or self.n_test

    @property
    def share_independent(self) -> float:
        """Independent test images for each test image: less than 1 with copies."""
        return self.n_independent / self.n_test

    @property
    def confusion(self) -> NDArray[np.int64]:
        """The confusion matrix, shape (n_classes, n_classes)."""
        return np.array(self.confusion_matrix, dtype=np.int64)
