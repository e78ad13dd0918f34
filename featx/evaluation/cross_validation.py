"""Cross-validation inside the train split, by content."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import hits_interval
from featx.splits import stratified_folds

Fit = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Any]
"""From X, y and groups to something with `predict`."""


@dataclass(frozen=True)
class CrossValidation:
    """The outcome of a cross-validation.

    Attributes
    ----------
    accuracy : float
        Share of the training images that were right when held out; the mean over
        the repeats.
    std : float
        Standard deviation between the repeats' accuracies; between the folds' where
        there is one repeat.
    interval : list of float
        95% interval of the accuracy, [low, high], as of a share of the different
        images; copies count as one.
    folds, repeats : int
    """

    accuracy: float
    std: float
    interval: list[float]
    folds: int
    repeats: int


def cross_validate(
    fit: Fit,
    X: NDArray[np.number],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    *,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
    on_fold: Callable[[int, int], None] | None = None,
) -> CrossValidation:
    """Score a way to fit on stratified folds that never split a group.

    Parameters
    ----------
    fit : callable
        From X, y, groups of some rows to a fitted classifier.
    X : ndarray, shape (n, ...)
        What `fit` and its classifier take, a row per image.
    y, groups : ndarray of int, shape (n,)
    folds, repeats : int
        Each repeat cuts other folds.
    on_fold : callable
        Called with (done, total) after each fold.

    Raises
    ------
    DataError
        There are fewer groups than folds.
    """
    right = np.zeros((repeats, len(y)), dtype=bool)
    by_fold: list[float] = []
    for repeat in range(repeats):
        splits = stratified_folds(y, groups, folds=folds, seed=seed + repeat)
        for train, held_out in splits:
            if len(np.unique(y[train])) > 1:
                classifier = fit(X[train], y[train], groups[train])
                predicted = classifier.predict(X[held_out])
            else:  # all few images of the other classes are held out
                predicted = y[train[0]]
            hits = predicted == y[held_out]
            right[repeat, held_out] = hits
            by_fold.append(float(hits.mean()))
            if on_fold is not None:
                on_fold(len(by_fold), folds * repeats)
    by_repeat = right.mean(axis=1)
    return CrossValidation(
        accuracy=float(by_repeat.mean()),
        std=float(np.std(by_repeat if repeats > 1 else by_fold)),
        interval=hits_interval(right.mean(axis=0), groups),
        folds=folds,
        repeats=repeats,
    )
