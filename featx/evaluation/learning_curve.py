"""Accuracy against the number of training images, measured inside the train split."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.cross_validation import Fit
from featx.evaluation.power_law import (
    FEWEST,
    FittedPoint,
    PowerLaw,
    Sizes,
    falls,
    fit_power_law,
)
from featx.splits import Labels, Rows, keep_classes, stratified_folds

PIECES = (2, 4, 8)
"""Into how many parts the training rows of a fold are cut: each part is fitted on."""

DRAWS = 4
"""Parts that are fitted on, at most, of each fold and size."""

LEAST = 2
"""Images a class, on average, that a part has."""

BY_CHANCE = 0.5
"""Share of the variance by chance in single images that isn't counted between draws. A
few draws measure it badly: with all of it, intervals of 60 images covered 0.915."""


@dataclass(frozen=True)
class CurvePoint:
    """What was reached with so many training images.

    Attributes
    ----------
    images : float
        That a classifier was fitted on, mean over the fits.
    images_per_class : float
    accuracy : float
        Share of the training images that were right when held out.
    std : float or None
        Deviation of the accuracy between fits on different images that were scored on
        the same ones; None where there was one fit in each fold.
    fits : int
    """

    images: float
    images_per_class: float
    accuracy: float
    std: float | None
    fits: int


@dataclass(frozen=True)
class Forecast:
    """What twice the images of the last point would likely bring.

    Attributes
    ----------
    images, images_per_class : float
    accuracy : float
    interval : list of float
        95% interval of the accuracy, [low, high].
    """

    images: float
    images_per_class: float
    accuracy: float
    interval: list[float]


@dataclass(frozen=True)
class LearningCurve:
    """Accuracy against training images, and where it leads.

    Attributes
    ----------
    points : list of CurvePoint
        The smallest first; the last one is the cross-validation itself.
    law : PowerLaw or None
    fitted : list of FittedPoint
        The law, from the first point on to the forecast.
    forecast : Forecast or None
    reason : {"", "few images", "falling"}
        Why there is no law and no forecast.
    """

    points: list[CurvePoint]
    law: PowerLaw | None = None
    fitted: list[FittedPoint] = field(default_factory=list)
    forecast: Forecast | None = None
    reason: str = ""


@dataclass
class _Fits:
    """Fits on parts of one size, in all folds.

    Attributes
    ----------
    right : ndarray of float, shape (n,)
        How often each image was right when held out, over the draws.
    images : list of int
        That were fitted on.
    variances, by_chance : list of float
        By fold: variance of the accuracy between the draws, and that if each image were
        right or wrong independently of the others.
    """

    right: NDArray[np.float64]
    images: list[int] = field(default_factory=list)
    variances: list[float] = field(default_factory=list)
    by_chance: list[float] = field(default_factory=list)

    def add(self, held_out: Rows, hits: NDArray[np.bool_]) -> None:
        """Take the hits of all draws of a fold, shape (draws, n_held_out)."""
        draws, count = hits.shape
        self.right[held_out] = hits.mean(axis=0)
        if draws > 1:
            self.variances.append(float(hits.mean(axis=1).var(ddof=1)))
            self.by_chance.append(float(hits.var(axis=0, ddof=1).sum()) / count**2)


def curve_pieces(y: Labels, groups: Labels, folds: int) -> list[int]:
    """Return into how many parts the training rows of each fold are cut, in turn.

    Parameters
    ----------
    y, groups : ndarray of int, shape (n,)
    folds : int

    Returns
    -------
    list of int
        Powers of two; empty where there are too few images for any.
    """
    images = len(np.unique(groups)) * (folds - 1) // folds
    least = LEAST * len(np.unique(y))
    return [pieces for pieces in PIECES if images // pieces >= least]


def curve_fits(y: Labels, groups: Labels, folds: int) -> int:
    """Return how many fits `measure_learning_curve` takes."""
    pieces = curve_pieces(y, groups, folds)
    return folds * sum(min(count, DRAWS) for count in pieces)


def measure_learning_curve(
    fit: Fit,
    X: NDArray[np.number],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    right: NDArray[np.bool_],
    *,
    folds: int = 5,
    seed: int = 0,
    temperature: float = 1.0,
    on_fit: Callable[[int, int], None] | None = None,
) -> LearningCurve:
    """Fit on parts of each fold's training rows, and score on what is held out.

    The folds are those of `cross_validate` with the same number and seed. In each, the
    training rows are dealt to two, four and eight parts that are alike in the classes;
    the quarters of a half make it up, and so on. No group is cut, and each class keeps
    one group at least. Since the parts of a size have no image in common, they tell how
    much the accuracy depends on which images there are.

    Parameters
    ----------
    fit : callable
        See `cross_validate`, as are X, y and groups.
    right : ndarray of bool, shape (n,)
        Of the cross-validation: whether each image was right when held out.
    folds, seed : int
        Of the cross-validation.
    temperature : float
        By which scores are divided before the mean over views.
    on_fit : callable
        Called with (done, total) after each fit.
    """
    pieces = curve_pieces(y, groups, folds)
    total = curve_fits(y, groups, folds)
    sizes = {count: _Fits(np.zeros(len(y))) for count in pieces}
    whole = _Fits(right.astype(np.float64))
    for train, held_out in stratified_folds(y, groups, folds=folds, seed=seed):
        whole.images.append(len(train))
        for count, parts in _parts(y, groups, train, pieces, seed):
            hits = []
            for rows in parts:
                data = (X, y, groups)
                hits.append(_held_out_hits(fit, data, rows, held_out, temperature))
                sizes[count].images.append(len(rows))
                if on_fit is not None:
                    on_fit(sum(len(one.images) for one in sizes.values()), total)
            sizes[count].add(held_out, np.stack(hits))
    found = [sizes[count] for count in reversed(pieces)]
    return _summarise([*found, whole], y, groups, seed)


def _parts(
    y: Labels, groups: Labels, train: Rows, pieces: list[int], seed: int
) -> Iterator[tuple[int, list[Rows]]]:
    """Yield how many parts there are, and the rows of those that are fitted on.

    Dealing to eight parts also deals to four and two: part 1 of two is made of the
    parts 1, 3, 5 and 7 of eight.
    """
    if not pieces:
        return
    most = max(pieces)
    dealt = stratified_folds(y[train], groups[train], folds=most, seed=seed)
    part = np.empty(len(y), dtype=np.intp)
    for number, (_, rows) in enumerate(dealt):
        part[train[rows]] = number
    whole = {(1, 0): train}
    for count in pieces:
        for number in range(count):
            parent = whole[count // 2, number % (count // 2)]
            own = part[parent] % count == number
            rows, _ = keep_classes(
                y[parent], groups[parent], np.flatnonzero(own), np.flatnonzero(~own)
            )
            whole[count, number] = parent[rows]
        yield count, [whole[count, number] for number in range(min(count, DRAWS))]


def _held_out_hits(
    fit: Fit,
    data: tuple[NDArray[Any], NDArray[np.integer], NDArray[np.integer]],
    rows: Rows,
    held_out: Rows,
    temperature: float,
) -> NDArray[np.bool_]:
    """Fit on some rows; return whether it is right about each one held out."""
    from scipy.special import softmax

    X, y, groups = data
    known = np.unique(y[rows])
    answers = np.full(len(held_out), known[0])
    if len(known) > 1:  # else all few images of the other classes are held out
        classifier = fit(X[rows], y[rows], groups[rows])
        logits = classifier.logits(X[held_out]).astype(np.float64)
        probabilities = softmax(logits / temperature, axis=2).mean(axis=1)
        answers = classifier.classes_[probabilities.argmax(axis=1)]
    hits: NDArray[np.bool_] = answers == y[held_out]
    return hits


def _summarise(
    fits: list[_Fits], y: Labels, groups: Labels, seed: int
) -> LearningCurve:
    """Return the points of the curve, and what they forecast."""
    classes = len(np.unique(y))
    points = [
        CurvePoint(
            images=float(np.mean(one.images)),
            images_per_class=float(np.mean(one.images)) / classes,
            accuracy=float(one.right.mean()),
            std=float(np.sqrt(np.mean(one.variances))) if one.variances else None,
            fits=len(one.images),
        )
        for one in fits
    ]
    if len(points) < FEWEST:
        return LearningCurve(points, reason="few images")
    sizes = Sizes(
        images=np.array([point.images_per_class for point in points]),
        right=np.stack([one.right for one in fits], axis=1),
        noise=_noise(fits),
        groups=groups,
    )
    if falls(sizes):
        return LearningCurve(points, reason="falling")
    law, curve = fit_power_law(sizes, seed=seed)
    images = 2 * points[-1].images
    forecast = Forecast(
        images, images / classes, curve[-1].accuracy, curve[-1].interval
    )
    return LearningCurve(points, law, curve, forecast)


def _noise(fits: list[_Fits]) -> NDArray[np.float64]:
    """Return the variance of each size's accuracy by which images were fitted on.

    It falls as one over the number of images, and is measured where there are several
    draws: by how much the accuracies differ, less a part of what is chance in single
    images, since the differences between images contain that already. Draws together
    are no more certain than all the images that they come from.
    """
    found = [
        np.mean(one.images)
        * (np.mean(one.variances) - BY_CHANCE * np.mean(one.by_chance))
        for one in fits
        if one.variances
    ]
    of_one_image = max(0.0, float(np.mean(found)))
    n = len(fits[0].right)
    shares = [max(1 / len(one.images), np.mean(one.images) / n) for one in fits]
    images = np.array([np.mean(one.images) for one in fits])
    noise: NDArray[np.float64] = of_one_image / images * np.array(shares)
    return noise
