"""Cross-validation inside the train split, by content."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import HeadError
from featx.evaluation.calibration import (
    bin_of,
    calibration_error,
    fit_temperature,
    log_of,
)
from featx.evaluation.intervals import hits_interval
from featx.hardware import usable_cores
from featx.splits import stratified_folds

Fit = Callable[..., Any]
"""From X, y and groups to something with `classes_` and `logits`.

It is called with the keyword ``seed`` as well.
"""


BLOCK_NUMBERS = 1 << 20
"""Probabilities that are computed at a time: 8 MiB, and a few times that within."""


class FoldScores(NamedTuple):
    """What each fold of each repeat came to.

    Attributes
    ----------
    accuracy : ndarray of float64, shape (repeats, folds)
        Share of the images held out that was right.
    n_train, n_held_out : ndarray of int64, shape (repeats, folds)
        Images to fit on, and images held out.
    """

    accuracy: NDArray[np.float64]
    n_train: NDArray[np.int64]
    n_held_out: NDArray[np.int64]


@dataclass(frozen=True)
class CrossValidation:
    """The outcome of a cross-validation.

    Attributes
    ----------
    accuracy : float
        Share of the training images that were right when held out; the mean over
        the repeats.
    std : float
        Sample standard deviation between the repeats' accuracies; between the folds'
        where there is one repeat.
    interval : list of float
        95% interval of the accuracy, [low, high], as of a share of the different
        images; copies count as one.
    log_loss, brier, calibration_error : float
        Of the probabilities of the images, held out, at `temperature`; the mean over
        the repeats.
    temperature : float
        That of the scores of the images when held out. 1 where
        it was not asked for.
    folds, repeats : int
    predicted : ndarray of int, shape (repeats, n)
        Class of each training image when held out.
    right : ndarray of bool, shape (n,)
        Whether each training image was right when held out, in the first repeat.
    fold : ndarray of int, shape (n,)
        In which fold each training image was held out, in the first repeat.
    probabilities : ndarray of float32, shape (n, n_classes)
        Of each training image when held out, in the first repeat: the mean over its
        views, at `temperature`.
    by_fold : FoldScores
        Accuracy and size of each fold.
    """

    accuracy: float
    std: float
    interval: list[float]
    log_loss: float
    temperature: float
    folds: int
    repeats: int
    brier: float
    calibration_error: float
    predicted: NDArray[np.integer] = field(repr=False, compare=False)
    right: NDArray[np.bool_] = field(repr=False, compare=False)
    fold: NDArray[np.integer] = field(repr=False, compare=False)
    probabilities: NDArray[np.float32] = field(repr=False, compare=False)
    by_fold: FoldScores = field(repr=False, compare=False)

    def as_metrics(self) -> dict[str, float]:
        """Return what `metrics.json` says of it, but for the interval."""
        return {
            "cv_accuracy": self.accuracy,
            "cv_accuracy_std": self.std,
            "cv_log_loss": self.log_loss,
            "cv_brier": self.brier,
            "cv_ece": self.calibration_error,
        }


def cross_validate(
    fit: Fit,
    X: Any,
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    *,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
    n_classes: int | None = None,
    weight: NDArray[np.floating] | None = None,
    jobs: int = 1,
    on_fold: Callable[[int, int], None] | None = None,
) -> CrossValidation:
    """Score a way to fit on stratified folds that never split a group.

    Parameters
    ----------
    fit : callable
        From X, y, groups of some rows to a fitted classifier. Its ``logits(X)`` are
        scores, shape (n, n_views, n_classes), with columns as in its ``classes_``.
    X : ndarray, shape (n, ...)
        What `fit` and its classifier take, a row per image; anything that returns such
        rows for an array of their places will do.
    y : ndarray of int, shape (n,)
        Class codes from 0 on.
    groups : ndarray of int, shape (n,)
    folds, repeats : int
        Each repeat cuts other folds, and fits with another seed.
    seed : int
        Of the folds and of the fits, in the first repeat; those that follow have the
        numbers that follow.
    n_classes : int, optional
        Where the last classes may have no row; else they are those of `y`.
    weight : ndarray of float, shape (n,), optional
        Weights of the images in the loss that the temperature minimises. Without them
        no temperature is fitted.
    jobs : int
        Processes that fit folds side by side.
    on_fold : callable
        Called with (done, total) after each fold.

    Raises
    ------
    DataError
        There are fewer groups than folds.
    HeadError
        One of the processes was ended.
    """
    n_classes = int(y.max()) + 1 if n_classes is None else n_classes
    places = [
        _Fold(repeat, fold, seed + repeat, train, held_out)
        for repeat in range(repeats)
        for fold, (train, held_out) in enumerate(
            stratified_folds(y, groups, folds=folds, seed=seed + repeat)
        )
    ]
    logits: list[NDArray[np.float32]] = []
    fold_of = np.zeros((repeats, len(y)), dtype=int)
    scored = _in_turn_or_parallel(fit, (X, y, groups), places, n_classes, jobs)
    for done, (at, found) in enumerate(zip(places, scored, strict=True), start=1):
        if not at.fold:
            logits.append(np.empty((len(y), 1, n_classes), np.float32))
        fold_of[at.repeat, at.held_out] = at.fold
        if found.shape[1] > logits[-1].shape[1]:
            logits[-1] = logits[-1].repeat(found.shape[1], axis=1)
        logits[-1][at.held_out] = found
        if on_fold is not None:
            on_fold(done, len(places))
    return _summarise(logits, y, fold_of, groups, weight)


class _Fold(NamedTuple):
    """One fold of one repeat."""

    repeat: int
    fold: int
    seed: int
    train: NDArray[np.intp]
    held_out: NDArray[np.intp]


def _in_turn_or_parallel(
    fit: Fit,
    data: tuple[Any, NDArray[np.integer], NDArray[np.integer]],
    places: Sequence[_Fold],
    n_classes: int,
    jobs: int,
) -> Iterable[NDArray[np.float32]]:
    """Yield the scores of what each fold holds out, in order."""
    jobs = min(jobs, len(places))
    if jobs == 1:
        return (_score_fold(fit, data, at, n_classes) for at in places)
    return _parallel(fit, data, places, n_classes, jobs)


def _parallel(
    fit: Fit,
    data: tuple[Any, NDArray[np.integer], NDArray[np.integer]],
    places: Sequence[_Fold],
    n_classes: int,
    jobs: int,
) -> Iterator[NDArray[np.float32]]:
    from joblib import Parallel, delayed, parallel_config

    # Threads of a BLAS in several processes would wait for each other.
    threads = max(1, usable_cores() // jobs)
    with parallel_config("loky", inner_max_num_threads=threads):
        parallel = Parallel(n_jobs=jobs, return_as="generator")
    one = delayed(_score_fold)
    try:
        yield from parallel(one(fit, data, at, n_classes) for at in places)
    except BrokenExecutor as error:
        raise HeadError(
            "a process that fitted a fold was ended, perhaps because the memory was"
            " full; use --jobs 1"
        ) from error


def _score_fold(
    fit: Fit,
    data: tuple[Any, NDArray[np.integer], NDArray[np.integer]],
    at: _Fold,
    n_classes: int,
) -> NDArray[np.float32]:
    """Fit on a fold's training rows; score those held out.

    There is nothing to fit where all training rows are of one class.
    """
    X, y, groups = data
    learned, classifier = y[at.train], None
    if len(np.unique(learned)) > 1:
        classifier = fit(X[at.train], learned, groups[at.train], seed=at.seed)
    return _scores(classifier, X[at.held_out], learned, n_classes)


def _scores(
    classifier: Any,
    X: NDArray[Any],
    learned: NDArray[np.integer],
    n_classes: int,
) -> NDArray[np.float32]:
    """Score rows that were held out, shape (n_held_out, n_views, n_classes).

    The score of a class that is not among the labels `learned` is -inf. Where there was
    nothing to fit there is one view instead of several.
    """
    if classifier is None:
        known, found = np.unique(learned), np.zeros((len(X), 1, 1), np.float32)
    else:
        known, found = classifier.classes_, classifier.logits(X)
    logits = np.full((*found.shape[:2], n_classes), -np.inf, np.float32)
    logits[:, :, known] = found
    return logits


def _summarise(
    logits: Sequence[NDArray[np.float32]],
    y: NDArray[np.integer],
    fold_of: NDArray[np.intp],
    groups: NDArray[np.integer],
    weight: NDArray[np.floating] | None,
) -> CrossValidation:
    """Calibrate and score what was predicted in each repeat."""
    repeats, temperature = len(logits), 1.0
    if weight is not None:
        temperature = fit_temperature(
            np.concatenate(logits) if repeats > 1 else logits[0],
            np.tile(y, repeats),
            np.tile(weight, repeats),
        )
    # All are kept of the first repeat only: they are as large as the embeddings where
    # there are many classes.
    first = np.empty((len(y), logits[0].shape[2]), np.float32)
    each = [
        _scored(scores, temperature, y, first if not repeat else None)
        for repeat, scores in enumerate(logits)
    ]
    predicted = np.stack([one.predicted for one in each])
    right = predicted == y
    by_fold = _score_folds(right, fold_of)
    by_repeat = right.mean(axis=1)
    spread = by_repeat if repeats > 1 else by_fold.accuracy[0]
    return CrossValidation(
        accuracy=float(by_repeat.mean()),
        std=float(np.std(spread, ddof=1)),
        interval=hits_interval(right.mean(axis=0), groups),
        log_loss=float(np.mean([one.log_loss for one in each])),
        temperature=temperature,
        folds=by_fold.accuracy.shape[1],
        repeats=repeats,
        brier=float(np.mean([one.brier for one in each])),
        calibration_error=float(np.mean([one.calibration_error for one in each])),
        predicted=predicted,
        right=right[0],
        fold=fold_of[0],
        probabilities=first,
        by_fold=by_fold,
    )


class _Scored(NamedTuple):
    """What was predicted in one repeat, and how good the probabilities were."""

    predicted: NDArray[np.intp]
    log_loss: float
    brier: float
    calibration_error: float


def _scored(
    logits: NDArray[np.float32],
    temperature: float,
    y: NDArray[np.integer],
    kept: NDArray[np.float32] | None,
) -> _Scored:
    """Score one repeat; its probabilities go to `kept` where they are to be kept."""
    n = len(y)
    predicted = np.empty(n, np.intp)
    truth, confidence, squares = np.empty(n), np.empty(n), np.empty(n)
    for rows, probabilities in _probabilities(logits, temperature):
        predicted[rows] = probabilities.argmax(axis=1)
        truth[rows] = probabilities[np.arange(len(probabilities)), y[rows]]
        confidence[rows] = probabilities.max(axis=1)
        squares[rows] = np.square(probabilities).sum(axis=1)
        if kept is not None:
            kept[rows] = probabilities
    excess = confidence - (predicted == y)
    return _Scored(
        predicted,
        float(-log_of(truth).mean()),
        float((squares - 2 * truth + 1).mean()),
        calibration_error(bin_of(confidence), excess, np.ones(n)),
    )


def _probabilities(
    logits: NDArray[np.float32], temperature: float
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield rows and their probabilities, the mean over the views, in blocks."""
    from scipy.special import softmax

    step = max(1, BLOCK_NUMBERS // int(np.prod(logits.shape[1:])))
    for start in range(0, len(logits), step):
        rows = slice(start, start + step)
        each = softmax(logits[rows].astype(np.float64) / temperature, axis=2)
        yield rows, each.mean(axis=1)


def _score_folds(right: NDArray[np.bool_], fold_of: NDArray[np.intp]) -> FoldScores:
    """Return accuracy and size of each fold, from arrays of shape (repeats, n)."""
    folds = int(fold_of.max()) + 1
    held_out = np.stack([np.bincount(one, minlength=folds) for one in fold_of])
    hits = np.stack(
        [
            np.bincount(fold, weights=hit, minlength=folds)
            for fold, hit in zip(fold_of, right, strict=True)
        ]
    )
    return FoldScores(hits / held_out, right.shape[1] - held_out, held_out)
