"""Cross-validation inside the train split, by content."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.calibration import fit_temperature, log_of
from featx.evaluation.intervals import hits_interval
from featx.splits import stratified_folds

Fit = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Any]
"""From X, y and groups to something with `classes_` and `logits`."""


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
    log_loss : float
        Mean over the images, held out, and over the repeats; at `temperature`.
    temperature : float
        That of the scores of the images when held out. 1 where
        it was not asked for.
    folds, repeats : int
    right : ndarray of bool, shape (n,)
        Whether each training image was right when held out, in the first repeat.
    """

    accuracy: float
    std: float
    interval: list[float]
    log_loss: float
    temperature: float
    folds: int
    repeats: int
    right: NDArray[np.bool_] = field(
        default_factory=lambda: np.zeros(0, bool), repr=False, compare=False
    )


def cross_validate(
    fit: Fit,
    X: NDArray[np.number],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    *,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
    weight: NDArray[np.floating] | None = None,
    on_fold: Callable[[int, int], None] | None = None,
) -> CrossValidation:
    """Score a way to fit on stratified folds that never split a group.

    Parameters
    ----------
    fit : callable
        From X, y, groups of some rows to a fitted classifier. Its ``logits(X)`` are
        scores, shape (n, n_views, n_classes), with columns as in its ``classes_``.
    X : ndarray, shape (n, ...)
        What `fit` and its classifier take, a row per image.
    y : ndarray of int, shape (n,)
        Class codes from 0 on.
    groups : ndarray of int, shape (n,)
    folds, repeats : int
        Each repeat cuts other folds.
    weight : ndarray of float, shape (n,), optional
        Weights of the images in the loss that the temperature minimises. Without them
        no temperature is fitted.
    on_fold : callable
        Called with (done, total) after each fold.

    Raises
    ------
    DataError
        There are fewer groups than folds.
    """
    logits: list[NDArray[np.float32]] = []
    fold_of = np.zeros((repeats, len(y)), dtype=int)
    for repeat in range(repeats):
        splits = list(stratified_folds(y, groups, folds=folds, seed=seed + repeat))
        scores: list[NDArray[np.float32]] = []
        for fold, (train, held_out) in enumerate(splits):
            fold_of[repeat, held_out] = fold
            scores.append(_held_out_logits(fit, (X, y, groups), train, held_out))
            if on_fold is not None:
                on_fold(repeat * folds + fold + 1, folds * repeats)
        order = np.concatenate([held_out for _, held_out in splits])
        logits.append(_in_order(scores, order))
    return _summarise(logits, y, fold_of, groups, weight)


def _held_out_logits(
    fit: Fit,
    data: tuple[NDArray[Any], NDArray[np.integer], NDArray[np.integer]],
    train: NDArray[np.intp],
    held_out: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Fit on some rows and score the others, shape (n_held_out, n_views, n_classes).

    The score of a class that is not among the rows to fit on is -inf.
    """
    X, y, groups = data
    known, n_classes = np.unique(y[train]), int(y.max()) + 1
    if len(known) == 1:  # all few images of the other classes are held out
        found = np.zeros((len(held_out), 1, 1), np.float32)
    else:
        classifier = fit(X[train], y[train], groups[train])
        known, found = classifier.classes_, classifier.logits(X[held_out])
    logits = np.full((*found.shape[:2], n_classes), -np.inf, np.float32)
    logits[:, :, known] = found
    return logits


def _in_order(
    scores: list[NDArray[np.float32]], order: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the scores of all folds in the order of the images."""
    views = max(found.shape[1] for found in scores)
    # Only where there was nothing to fit is there one view instead of several.
    each = [np.broadcast_to(s, (len(s), views, s.shape[2])) for s in scores]
    return np.concatenate(each)[np.argsort(order)]


def _summarise(
    logits: list[NDArray[np.float32]],
    y: NDArray[np.integer],
    fold_of: NDArray[np.intp],
    groups: NDArray[np.integer],
    weight: NDArray[np.floating] | None,
) -> CrossValidation:
    """Calibrate and score what was predicted in each repeat."""
    from scipy.special import softmax

    repeats, temperature = len(logits), 1.0
    if weight is not None:
        temperature = fit_temperature(
            np.concatenate(logits), np.tile(y, repeats), np.tile(weight, repeats)
        )
    right = np.zeros((repeats, len(y)))
    truth = np.zeros((repeats, len(y)))
    for repeat, scores in enumerate(logits):
        each = softmax(scores.astype(np.float64) / temperature, axis=2)
        probabilities = each.mean(axis=1)
        right[repeat] = probabilities.argmax(axis=1) == y
        truth[repeat] = probabilities[np.arange(len(y)), y]
    by_fold = [right[0][fold_of[0] == fold].mean() for fold in np.unique(fold_of[0])]
    by_repeat = right.mean(axis=1)
    return CrossValidation(
        accuracy=float(by_repeat.mean()),
        std=float(np.std(by_repeat if repeats > 1 else by_fold, ddof=1)),
        interval=hits_interval(right.mean(axis=0), groups),
        log_loss=float(-log_of(truth).mean()),
        temperature=temperature,
        folds=len(by_fold),
        repeats=repeats,
        right=right[0] > 0,
    )
