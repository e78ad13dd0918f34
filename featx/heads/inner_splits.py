"""Splits that a head makes inside its own training rows, however few they are."""

import numpy as np
from numpy.typing import NDArray

from featx.images import keep_classes, stratified_folds

Labels = NDArray[np.integer]
Rows = NDArray[np.intp]


def inner_folds(
    y: Labels, groups: Labels | None, *, folds: int, seed: int
) -> list[tuple[Rows, Rows]]:
    """Return (training rows, held-out rows) of each fold.

    Every class is in every training part: rows of a class that would be lost to it
    stay in training, with all of their groups, and are held out nowhere.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,), optional
        Rows of one group stay on one side.
    folds : int
        As many as there are groups where that is fewer.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Folds that hold out anything; empty where no class can spare a row.
    """
    groups = np.arange(len(y)) if groups is None else groups
    folds = min(folds, len(np.unique(groups)))
    if folds < 2:
        return []
    splits = (
        keep_classes(y, groups, train, held_out)
        for train, held_out in stratified_folds(y, groups, folds=folds, seed=seed)
    )
    return [(train, held_out) for train, held_out in splits if len(held_out)]
