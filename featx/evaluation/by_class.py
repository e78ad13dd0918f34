"""Scores of each class, their means over the classes, and the means' intervals."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import (
    RESAMPLES,
    Z,
    effective_number,
    portions,
    share_interval,
)

Floats = NDArray[np.float64]
Counts = NDArray[Any]
"""Of images in each class: integers, or floats where they are weighted."""

ADDED, ADDED_POOLED = 2.0, 8.0
"""Answers that are added to each class before it is resampled; see `Smoothed`. Chosen
with `benchmarks/coverage.py`."""


class ByClass(NamedTuple):
    """Scores of each class, and which classes count in their means.

    The means are over the classes that the sample holds: a class that was not drawn
    says nothing about the classifier. One that the test split lacks and that is
    predicted all the same counts as 0, as in scikit-learn. Arrays have shape
    (n_classes,), or (resamples, n_classes).
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: Counts
    counted: NDArray[np.bool_]

    def macro(self, name: str) -> Floats:
        """Return the mean over classes of ``precision``, ``recall`` or ``f1``."""
        return _mean_where(self.counted, getattr(self, name))

    def balanced_accuracy(self) -> Floats:
        """Return the mean recall of the classes that have images."""
        return _mean_where(self.support > 0, self.recall)


Macro = Callable[[ByClass], Floats]
"""A mean over classes, such as `ByClass.balanced_accuracy`; one for each resample."""


def _mean_where(chosen: NDArray[np.bool_], scores: Floats) -> Floats:
    mean: Floats = (scores * chosen).sum(axis=-1) / chosen.sum(axis=-1)
    return mean


def score_classes(
    hits: Counts,
    support: Counts,
    claimed: Counts,
    *,
    unknown: float = 0.0,
) -> ByClass:
    """Return the scores of each class.

    Parameters
    ----------
    hits, support, claimed : ndarray, shape (..., n_classes)
        Images of a class that were put into it, images of it, and images that were put
        into it.
    unknown : float
        The precision of a class with images that nothing was put into.
    """
    silent = (claimed == 0) & (support > 0)
    precision = hits / np.where(claimed > 0, claimed, 1)
    return ByClass(
        precision=np.where(silent, unknown, precision),
        recall=hits / np.where(support > 0, support, 1),
        f1=2 * hits / np.where(claimed + support > 0, claimed + support, 1),
        support=support,
        counted=(support > 0) | (claimed > 0),
    )


@dataclass(frozen=True)
class Answers:
    """What test images were taken for.

    Attributes
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    codes : ndarray of int, shape (n,) or (resamples, n)
        Predicted classes.
    copies : ndarray of int, shape (n,)
        How often each counts.
    n_classes : int
    """

    y: NDArray[np.integer]
    codes: NDArray[np.integer]
    copies: NDArray[np.integer]
    n_classes: int

    def by_class(self, *, unknown: float = 0.0) -> ByClass:
        """Return the scores of each class; see `score_classes`."""
        n, y, codes = self.n_classes, self.y, np.atleast_2d(self.codes)
        places = n * np.arange(len(codes))[:, None]
        copies = np.broadcast_to(self.copies, codes.shape)

        def count(classes: NDArray[np.integer], weights: Counts) -> Counts:
            rows = (classes + places).ravel()
            found: NDArray[Any] = np.bincount(
                rows, weights.ravel(), minlength=n * len(codes)
            )
            return found.reshape(*self.codes.shape[:-1], n)

        return score_classes(
            count(y, copies * (codes == y)),
            np.bincount(y, self.copies, minlength=n),
            count(codes, copies),
            unknown=unknown,
        )


class Smoothed:
    """Answers as a smoothed classifier would give them, to resample within classes.

    A class keeps its images. Its row of the confusion matrix is that of the answers,
    and a few more answers, so that a class whose few images are all correct is not
    taken for one that is always correct. The wrong ones among them are spread over the
    other classes by how many errors went there, and one more error over all alike.

    Parameters
    ----------
    answers : Answers
    pooled : bool
        Whether as many of the added answers are right as of all images, which holds
        where classes are about equally hard; otherwise half are, and fewer are added.
    """

    def __init__(self, answers: Answers, *, pooled: bool) -> None:
        n, y, codes = answers.n_classes, answers.y, answers.codes
        self.answers = answers
        self._added = ADDED_POOLED if pooled else ADDED
        hits = int((codes == y).sum())
        self._share_right = (hits + 1) / (len(y) + 2) if pooled else 0.5
        self._counts = np.bincount(y, minlength=n)
        self._order = np.argsort(y, kind="stable")
        self._starts = np.cumsum(self._counts) - self._counts
        seen = (self._counts > 0) | (np.bincount(codes, minlength=n) > 0)
        errors = np.bincount(codes, codes != y, minlength=n)
        self._weights = np.where(seen, errors + 1 / seen.sum(), 0.0)
        self._left = self._weights.sum() - self._weights
        """Weight of all the other classes."""

    def resamples(self, count: int, *, seed: int) -> Iterator[ByClass]:
        """Yield the scores of each class in each resample, many resamples at a time."""
        rng = np.random.default_rng(seed)
        for some in portions(count, len(self.answers.y)):
            codes = self._draw(some, rng)
            yield replace(self.answers, codes=codes).by_class()

    def _draw(self, count: int, rng: np.random.Generator) -> NDArray[np.integer]:
        """Return the predicted classes of each resample, shape (count, n)."""
        y = self.answers.y
        size = self._counts[y]
        place = rng.random((count, len(y))) * (size + self._added)
        same = self._order[self._starts[y] + np.minimum(place.astype(int), size - 1)]
        codes: NDArray[np.integer] = np.where(place < size, self.answers.codes[same], y)
        right_end = size + self._added * self._share_right
        wrong = (place >= right_end) & (self._left[y] > 0)
        codes[wrong] = self._draw_others(np.broadcast_to(y, wrong.shape)[wrong], rng)
        return codes

    def _draw_others(
        self, y: NDArray[np.integer], rng: np.random.Generator
    ) -> NDArray[np.integer]:
        """Draw another class for each of some images."""
        ends = np.cumsum(self._weights)
        at = rng.random(len(y)) * self._left[y]
        skipped = np.where(at >= ends[y] - self._weights[y], self._weights[y], 0)
        others: NDArray[np.intp] = np.searchsorted(ends, at + skipped, side="right")
        return others

    def expected(self) -> ByClass:
        """Return the scores that the resamples vary around."""
        answers, n = self.answers, self.answers.n_classes
        y, codes = answers.y, answers.codes
        support = np.bincount(y, answers.copies, minlength=n)
        each = support / (self._counts + self._added)
        kept = each[y]
        possible = self._left > 0
        right = self._added * each * np.where(possible, self._share_right, 1)
        strayed = self._added * each * (1 - self._share_right)
        wrong = np.where(possible, strayed / np.where(possible, self._left, 1), 0)
        hits = np.bincount(y, kept * (codes == y), minlength=n) + right
        strays = self._weights * (wrong.sum() - wrong)
        claimed = np.bincount(codes, kept, minlength=n) + right + strays
        return score_classes(hits, support, claimed)


def macro_intervals(
    answers: Answers,
    macros: Mapping[str, Macro],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, list[float]]:
    """Return the 95% intervals of means over classes, [low, high].

    Parameters
    ----------
    answers : Answers
        Images of the same content should be one, with `copies`.
    macros : mapping of str to callable
    seed, resamples : int
        Of the resampling, and how often.

    Notes
    -----
    Resampling within smoothed classes gives the variance and the bias of a mean. The
    interval is that of a share, of as many images as would give a share this variance,
    around the mean without and with its bias; it contains the mean. There are fewer of
    them by what Student's t differs from a normal distribution, since the variance is
    an estimate too, mostly from the rarest classes. The
    precision of a class that nothing was put into is unknown: the upper end takes it
    for 1, as the mean takes it for 0. Classes may be equally hard or not, which few
    images don't tell: they are smoothed in both ways, each for half of the resamples,
    and the interval covers both.
    """
    intervals = [
        _around(Smoothed(answers, pooled=pooled), macros, seed, resamples // 2)
        for pooled in (False, True)
    ]
    return {
        name: [
            min(one[name][0] for one in intervals),
            max(one[name][1] for one in intervals),
        ]
        for name in macros
    }


def _around(
    smoothed: Smoothed, macros: Mapping[str, Macro], seed: int, resamples: int
) -> dict[str, list[float]]:
    """Return the intervals of means over classes, smoothed in one way."""
    answers, expected = smoothed.answers, smoothed.expected()
    found, generous = answers.by_class(), answers.by_class(unknown=1.0)
    drawn = [
        np.stack([macro(some) for macro in macros.values()])
        for some in smoothed.resamples(resamples, seed=seed)
    ]
    scores = np.concatenate(drawn, axis=1)
    means, variances = scores.mean(axis=1), scores.var(axis=1)
    caution = _caution(np.bincount(answers.y))
    intervals = {}
    for (name, macro), mean, variance in zip(
        macros.items(), means, variances, strict=True
    ):
        truth, score = float(macro(expected)), float(macro(found))
        n = effective_number(answers.copies)
        if variance > 0:
            n = caution * truth * (1 - truth) / variance
        centre = float(np.clip(score - (mean - truth), 0, 1))
        ends = [
            share_interval(share, n)
            for share in (score, centre, float(macro(generous)))
        ]
        intervals[name] = [min(low for low, _ in ends), max(high for _, high in ends)]
    return intervals


def _caution(counts: NDArray[np.integer]) -> float:
    """Return by how much fewer images say as much with an estimated variance.

    Parameters
    ----------
    counts : ndarray of int
        Images of each class. The variance of a mean over classes is a sum of theirs,
        which go with 1 / count; one is added, as the smoothing adds some.

    Notes
    -----
    Degrees of freedom after Satterthwaite, "An Approximate Distribution of Estimates of
    Variance Components", 1946.
    """
    from scipy.special import stdtrit

    each = 1 / (counts[counts > 0] + 1)
    degrees = each.sum() ** 2 / (each**3).sum()
    return float((Z / stdtrit(degrees, 0.975)) ** 2)
