"""Folds and hold-outs that are stratified by class and never split a group."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError

DEALING_VERSION = 2
"""Counts up when the same rows fall into other folds."""

CHOICE_FOLDS = 3
"""In which heads choose."""

LONG = 2**21
"""Numbers in the embeddings from which on a choice takes long."""

Labels = NDArray[np.integer]
Rows = NDArray[np.intp]


def stratified_folds(
    labels: NDArray[np.integer],
    groups: NDArray[np.integer],
    *,
    folds: int,
    seed: int,
) -> Iterator[tuple[Rows, Rows]]:
    """Yield (training rows, held-out rows); each row is held out once.

    The groups are dealt to the folds like cards, class after class, each class
    shuffled. The order of the classes depends on their groups, not on their numbers, so
    that other names of the classes change nothing. So two folds differ by one group at
    most, in all and in each class, and a class of two groups or more has training rows
    in every fold. (scikit-learn's StratifiedGroupKFold refuses classes that are all
    smaller than the number of folds, and took 2 s for 12 000 rows of 200 classes.)

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,)
        Rows of one group, the same picture twice, say, stay on one side.

    Raises
    ------
    DataError
        There are fewer groups than folds, or fewer than two folds.
    """
    if folds < 2:
        raise DataError(f"{folds} folds; there must be at least two")
    dealt = rank_classes(labels, groups)
    count = len(dealt.of_group)
    if count < folds:
        raise DataError(
            f"{count} different training images are too few for {folds} folds;"
            " add images or use fewer --folds"
        )
    fold = np.empty(count, dtype=np.intp)
    fold[shuffle_by_class(dealt.of_group, seed)] = np.arange(count) % folds
    for held in range(folds):
        is_held = fold[dealt.member] == held
        yield np.flatnonzero(~is_held), np.flatnonzero(is_held)


@dataclass(frozen=True)
class RankedClasses:
    """Classes in an order that doesn't depend on what they are called.

    Attributes
    ----------
    member : ndarray of int, shape (n,)
        Place of each row's group among the groups, ascending.
    of_group : ndarray of int, shape (groups,)
        Rank of each group's class; of several the rarest.
    labels : ndarray of int, shape (classes,)
        The label that has each rank.
    """

    member: Rows
    of_group: Rows
    labels: NDArray[np.integer]


def rank_classes(
    labels: NDArray[np.integer], groups: NDArray[np.integer]
) -> RankedClasses:
    """Rank classes by the groups that their rows belong to, rare classes first.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,)
        Numbers from 0 on that depend on the content of the rows only.
    """
    names, member = np.unique(groups, return_inverse=True)
    member = member.reshape(-1)
    order = np.lexsort((member, labels))
    codes, starts = np.unique(labels[order], return_index=True)
    # Big-endian bytes compare as the numbers do.
    members = np.split(member[order].astype(">i8"), starts[1:])
    by_rank = sorted(
        range(len(codes)),
        key=lambda place: (len(np.unique(members[place])), members[place].tobytes()),
    )
    rank = np.empty(len(codes), dtype=np.intp)
    rank[by_rank] = np.arange(len(codes))
    of_group = np.full(len(names), len(codes), dtype=np.intp)
    np.minimum.at(of_group, member, rank[np.searchsorted(codes, labels)])
    return RankedClasses(member, of_group, codes[by_rank])


def hold_out(
    labels: NDArray[np.integer],
    groups: NDArray[np.integer],
    *,
    share: float,
    seed: int,
) -> tuple[Rows, Rows]:
    """Cut one stratified part off, leaving each class something to train on.

    Parameters
    ----------
    share : float
        About how much is held out; the nearest 1/k is taken.

    Returns
    -------
    training, held_out : ndarray of int
        Rows; `held_out` is empty where there are too few to cut any off.
    """
    folds = max(2, round(1 / share))
    if len(np.unique(groups)) < folds:
        return np.arange(len(labels)), np.arange(0)
    training, held_out = next(stratified_folds(labels, groups, folds=folds, seed=seed))
    return keep_classes(labels, groups, training, held_out)


def keep_classes(
    labels: NDArray[np.integer],
    groups: NDArray[np.integer],
    training: Rows,
    held_out: Rows,
) -> tuple[Rows, Rows]:
    """Put back into training what a class would be lost to it without.

    Returns
    -------
    training, held_out : ndarray of int
        Every class of `held_out` is in `training`; groups stay whole.
    """
    lost = ~np.isin(labels[held_out], labels[training])
    back = np.isin(groups[held_out], groups[held_out][lost])
    return np.sort(np.concatenate([training, held_out[back]])), held_out[~back]


def draw_stratified(
    labels: NDArray[np.integer],
    *,
    share: float,
    seed: int,
    least: int = 1,
    spared: int = 1,
) -> Rows:
    """Draw a share of the rows of each class, by largest remainder.

    Of each class at least one row is drawn and at least one is not. With the same seed,
    a larger share mostly holds all of a smaller one.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Ranks from 0 on, see `rank_classes`; every class has `least` + `spared` rows or
        more, or all of it that is not spared is drawn.
    share : float in (0, 1)
    seed : int
    least, spared : int
        How many rows of each class are drawn at least, and are not.

    Returns
    -------
    ndarray of int
        Rows, class after class.
    """
    counts = np.bincount(labels)
    exact = share * counts
    drawn = np.floor(exact).astype(np.int64)
    left = round(share * counts.sum()) - int(drawn.sum())
    drawn[np.argsort(drawn - exact, kind="stable")[:left]] += 1
    drawn = np.minimum(np.maximum(drawn, least), counts - spared)
    order = shuffle_by_class(labels, seed)
    place = np.arange(len(labels)) - (np.cumsum(counts) - counts)[labels[order]]
    rows: Rows = order[place < drawn[labels[order]]]
    return rows


def shuffle_by_class(labels: NDArray[np.integer], seed: int) -> Rows:
    """Return all rows, class after class, in random order within each class."""
    chance = np.random.default_rng(seed).permutation(len(labels))
    return np.lexsort((chance, labels))


def inner_folds(
    y: Labels, groups: Labels, *, folds: int, seed: int
) -> list[tuple[Rows, Rows]]:
    """Return (training rows, held-out rows) of each fold.

    Every class is in every training part: rows of a class that would be lost to it
    stay in training, with all of their groups, and are held out nowhere.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,)
        Rows of one group stay on one side.
    folds : int
        As many as there are groups where that is fewer.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Folds that hold out anything; empty where no class can spare a row.
    """
    folds = min(folds, len(np.unique(groups)))
    if folds < 2:
        return []
    splits = (
        keep_classes(y, groups, train, held_out)
        for train, held_out in stratified_folds(y, groups, folds=folds, seed=seed)
    )
    return [(train, held_out) for train, held_out in splits if len(held_out)]


def choosing_is_long(numbers: int) -> bool:
    """Return whether embeddings of so many numbers make choices take long."""
    return numbers > LONG


def choice_folds(
    y: Labels, groups: Labels, *, numbers: int, seed: int
) -> list[tuple[Rows, Rows]]:
    """Return the folds in which a head chooses something for itself.

    Parameters
    ----------
    y, groups : ndarray of int, shape (n,)
        See `inner_folds`.
    numbers : int
        In the embeddings; where they are many, one fold has to do: what is best is as
        clear there from many rows.
    seed : int

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Training rows and held-out rows; empty where no class can spare a row.
    """
    folds = inner_folds(y, groups, folds=CHOICE_FOLDS, seed=seed)
    return folds[:1] if choosing_is_long(numbers) else folds
