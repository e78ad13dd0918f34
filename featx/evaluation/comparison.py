"""Whether classifiers differ by more than chance: tests of two, and of several.

How often each test raises a false alarm is simulated in their tests.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05
"""Share of false alarms that is allowed."""

FEW = 25
"""Of fewer contents about which two classifiers disagree the test is exact; from here
on it takes half of what was observed for less likely, as mid-p values do."""


def count_votes(
    ours: ArrayLike, theirs: ArrayLike, groups: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Return for which of two classifiers each content speaks.

    Parameters
    ----------
    ours, theirs : array-like of bool, shape (n,) or (repeats, n)
        Whether each classifier was right about an image.
    groups : array-like of int, shape (n,), optional
        Images of one group are copies: they have one vote together.

    Returns
    -------
    ndarray of int, shape (repeats, contents)
        1 for us, -1 for them, 0 where both were right, or both wrong.
    """
    differences = np.atleast_2d(ours).astype(np.int64) - np.atleast_2d(theirs)
    if groups is not None:
        member = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
        summed = [np.bincount(member, weights=one) for one in differences]
        differences = np.stack(summed).astype(np.int64)
    votes: NDArray[np.int64] = np.sign(differences)
    return votes


def mcnemar_test(votes: ArrayLike, *, inflation: float = 1.0) -> float:
    """Return the p-value of two classifiers being equally good, from paired answers.

    Parameters
    ----------
    votes : array-like of int, shape (repeats, contents)
        From `count_votes`. In several repeats each content has several votes, which
        change sign together.
    inflation : float
        By which factor the variance is larger than that of independent votes: that of
        `folds_inflation` for answers in a cross-validation, images per independent
        image where copies are among them. Repeats don't make it smaller.

    Returns
    -------
    float
        Two-sided. 1 where they disagree about nothing.

    Notes
    -----
    McNemar's test [1]_: were both equally good, each content about which they disagree
    would be as likely to speak for the one as for the other. The distribution of the
    sum of the votes under random signs is computed, not approximated. With one repeat
    it is the binomial distribution. Where few contents tell the two apart, the p-value
    is exact; from `FEW` on it is the mid-p value, which holds its level in practice
    and finds more differences than the exact test and than the chi-squared test with
    continuity correction [2]_. With an inflation the p-value is at least that of the
    normal distribution with the larger variance.

    References
    ----------
    .. [1] McNemar, "Note on the Sampling Error of the Difference Between Correlated
       Proportions or Percentages", 1947
    .. [2] Fagerland, Lydersen and Laake, "The McNemar Test for Binary Matched-Pairs
       Data: Mid-p and Asymptotic Are Better Than Exact Conditional", 2013
    """
    from scipy.stats import norm

    votes = np.asarray(votes)
    repeats, summed = len(votes), np.abs(votes.sum(axis=0))
    weights, counts = np.unique(summed[summed > 0], return_counts=True)
    if not len(weights):
        return 1.0
    # `chance[s]`: that those who vote for us have a weight of s together.
    chance = _subset_sums(weights, counts)
    distance = np.abs(2 * np.arange(len(chance)) - len(chance) + 1)
    found = int(np.abs(votes.sum()))
    as_far = float(chance[distance == found].sum())
    farther = float(chance[distance > found].sum())
    share = 1.0 if counts.sum() < FEW else 0.5
    p_value = min(1.0, farther + share * as_far)
    if inflation <= 1:
        return p_value
    disagreements = np.abs(votes).sum()
    variance = (weights**2 * counts).sum() + (inflation - 1) * repeats * disagreements
    error = float(np.sqrt(variance))
    return max(p_value, float(2 * norm.sf(found / error)))


def folds_inflation(folds: int) -> float:
    """Return by how much answers in folds vary more than independent ones.

    Images of one fold are answered by one classifier, and classifiers of other folds
    share training images. Nadeau and Bengio's correction ("Inference for the
    Generalization Error", 2003) of the variance of a mean over folds, which is that
    over images in folds of equal size: 2.25 for five folds, 2.11 for ten. Without it
    McNemar's test found differences between equally good nearest neighbours in 14% of
    the simulated data sets; with it in 2%.
    """
    return 1 + folds / (folds - 1)


def _subset_sums(
    weights: NDArray[np.integer], counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the distribution of the weight of a random half of all contents."""
    from scipy.signal import fftconvolve
    from scipy.stats import binom

    chance: NDArray[np.float64] | None = None
    for weight, count in zip(weights.tolist(), counts.tolist(), strict=True):
        one = np.zeros(weight * count + 1)
        one[::weight] = binom.pmf(np.arange(count + 1), count, 0.5)
        chance = one if chance is None else fftconvolve(chance, one)
    assert chance is not None
    return np.maximum(chance, 0)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted for their number.

    Those below a level are rejected; the chance that any of them is a false alarm is at
    most this level, however the tests depend on each other (Holm, "A Simple
    Sequentially Rejective Multiple Test Procedure", 1979).

    Parameters
    ----------
    p_values : array-like of float, shape (n,)
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


class _Folds(NamedTuple):
    """Differences of accuracy in folds: their mean, its error, degrees of freedom."""

    mean: float
    error: float
    freedom: int


def _summarise(differences: ArrayLike, held_out: float) -> _Folds:
    """Correct the error of a mean over folds for what their training sets share."""
    values = np.asarray(differences, np.float64).ravel()
    # Nadeau and Bengio: the share held out over the share trained on.
    factor = 1 / len(values) + held_out / (1 - held_out)
    error = float(np.sqrt(factor * values.var(ddof=1)))
    return _Folds(float(values.mean()), error, len(values) - 1)


def corrected_t_test(differences: ArrayLike, held_out: float) -> float:
    """Return the p-value of two classifiers being equally good, from their folds.

    The corrected resampled t-test: folds share training images, so their differences
    are correlated, and the plain t-test finds differences far too often (Nadeau and
    Bengio, "Inference for the Generalization Error", 2003).

    Parameters
    ----------
    differences : array-like of float, shape (repeats, folds)
        Of the accuracies of two classifiers.
    held_out : float
        Share of the images that a fold holds out.
    """
    from scipy.stats import t

    mean, error, freedom = _summarise(differences, held_out)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * t.sf(abs(mean) / error, freedom))


class Posterior(NamedTuple):
    """How probable it is that a classifier is better, as good, or worse.

    Attributes
    ----------
    better, equivalent, worse : float
        They sum to one.
    """

    better: float
    equivalent: float
    worse: float


def bayesian_t_test(differences: ArrayLike, held_out: float, rope: float) -> Posterior:
    """Return how probable it is that one of two classifiers is better.

    The Bayesian correlated t-test [1]_ [2]_: given the folds, the difference of the
    accuracies has a Student distribution around their mean, with the error of
    `corrected_t_test`. It is the closed form of ``baycomp.two_on_single`` [3]_, which
    has had no release since 2023.

    Parameters
    ----------
    differences : array-like of float, shape (repeats, folds)
        Of the accuracies of two classifiers.
    held_out : float
        Share of the images that a fold holds out.
    rope : float
        The region of practical equivalence: differences of at most this size don't
        matter.

    References
    ----------
    .. [1] Corani and Benavoli, "A Bayesian Approach for Comparing Cross-Validated
       Algorithms on Multiple Data Sets", 2015
    .. [2] Benavoli, Corani, Demsar and Zaffalon, "Time for a Change: a Tutorial for
       Comparing Multiple Classifiers Through Bayesian Analysis", 2017
    .. [3] https://github.com/janezd/baycomp
    """
    from scipy.stats import t

    mean, error, freedom = _summarise(differences, held_out)
    if error == 0:
        return Posterior(
            float(mean > rope), float(abs(mean) <= rope), float(mean < -rope)
        )
    better = float(t.sf((rope - mean) / error, freedom))
    worse = float(t.cdf((-rope - mean) / error, freedom))
    return Posterior(better, max(0.0, 1 - better - worse), worse)


def choice_optimism(accuracies: ArrayLike, chosen: int) -> float:
    """Return by how much the best cross-validated accuracy is too high for being best.

    Of several accuracies the highest is mostly one that was lucky. In each fold another
    classifier may be the best, and by how much it beats the chosen one there says how
    lucky the best of a few can be (Tibshirani and Tibshirani, "A Bias Correction for
    the Minimum Error Rate in Cross-Validation", 2009).

    Parameters
    ----------
    accuracies : array-like of float, shape (classifiers, repeats, folds)
    chosen : int
        Which classifier is the best over all folds.

    Returns
    -------
    float
        0 for one classifier.
    """
    by_fold = np.asarray(accuracies, np.float64)
    return max(0.0, float((by_fold.max(axis=0) - by_fold[chosen]).mean()))
