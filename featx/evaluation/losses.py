"""95% intervals of mean losses, such as the log loss, which a few images decide."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import LEVEL, RESAMPLES, portions

Floats = NDArray[np.float64]
Rows = NDArray[np.integer]
"""Numbers of images, or of classes."""


class Losses:
    """Probabilities for images, and what each class would cost that is the true one.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, n_classes)
        Each row sums to one.
    """

    def __init__(self, probabilities: NDArray[np.floating]) -> None:
        self._least = float(np.finfo(probabilities.dtype).eps)  # as in scikit-learn
        self.probabilities = probabilities.astype(np.float64)
        self._squares = np.square(self.probabilities).sum(axis=1)

    def log_loss(self, rows: Rows, y: Rows) -> Floats:
        """Return minus the logarithm of the true class's probability."""
        p = self.probabilities[rows, y]
        loss: Floats = -np.log(np.clip(p, self._least, 1 - self._least))
        return loss

    def brier(self, rows: Rows, y: Rows) -> Floats:
        """Return the squared error of the probabilities, summed over the classes."""
        loss: Floats = self._squares[rows] - 2 * self.probabilities[rows, y] + 1
        return loss


Loss = Callable[[Losses, Rows, Rows], Floats]
"""Such as `Losses.brier`; images and their true classes are arrays of one shape."""


class _Believed:
    """Draws true classes as the probabilities say that they are."""

    def __init__(self, probabilities: Floats, rng: np.random.Generator) -> None:
        self._rng = rng
        n, self._n_classes = probabilities.shape
        rows = np.arange(n)
        ends = np.cumsum(probabilities, axis=1)
        ends /= ends[:, -1:].copy()
        self._top = probabilities.argmax(axis=1)
        self._top_end = ends[rows, self._top]
        before = np.where(self._top > 0, ends[rows, self._top - 1], 0.0)
        self._top_share = self._top_end - before
        # Row i goes from i to i + 1, so that one search finds the class in any row.
        ends += rows[:, None]
        self._ends = ends.ravel()

    def draw(self, rows: Rows) -> Rows:
        """Return a class for each image."""
        return self._find(rows, self._rng.random(rows.shape))

    def draw_errors(self, rows: Rows) -> Rows:
        """Return a class for each image that isn't the most probable one."""
        top, share, end = self._top[rows], self._top_share[rows], self._top_end[rows]
        at = self._rng.random(rows.shape) * (1 - share)
        found = self._find(rows, np.where(at >= end - share, at + share, at))
        # Where a class is certain, rounding leaves no other; then it is the next one.
        return np.where(found == top, (top + 1) % self._n_classes, found)

    def _find(self, rows: Rows, at: Floats) -> Rows:
        place: Rows = np.searchsorted(self._ends, rows + at, side="right")
        codes: Rows = np.clip(place - rows * self._n_classes, 0, self._n_classes - 1)
        return codes


def loss_intervals(
    y: NDArray[np.integer],
    measured: Losses,
    copies: NDArray[np.integer],
    losses: Mapping[str, Loss],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, list[float]]:
    """Return the 95% intervals of mean losses, [low, high].

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    measured : Losses
        Of the images.
    copies : ndarray of int, shape (n,)
        How often each image counts.
    losses : mapping of str to callable
    seed, resamples : int
        Of the resampling, and how often.

    Notes
    -----
    A bootstrap (Efron, 1979) of images knows only the errors that were made. Where few
    were, most of the loss of other images can come from errors that happened not to be
    among these. So the high end is also that of images whose true classes are drawn as
    the probabilities say, around the score: by how much a calibrated classifier's would
    vary. And as none of n images wrong doesn't mean that none ever is, once more with
    each image an error with a probability of 1 / (n + 1).
    """
    rows = np.arange(len(y))
    scores = {
        name: float(np.average(loss(measured, rows, y), weights=copies))
        for name, loss in losses.items()
    }
    believed = {
        name: float(np.average(_expected(measured, loss), weights=copies))
        for name, loss in losses.items()
    }
    drawn = _resample(y, measured, copies, losses, seed=seed, resamples=resamples)
    intervals = {}
    for name, score in scores.items():
        (low, high), *drawn_ends = np.percentile(drawn[name], LEVEL, axis=1).T
        others = [score + end - believed[name] for _, end in drawn_ends]
        intervals[name] = [min(float(low), score), float(max(high, score, *others))]
    return intervals


def _expected(measured: Losses, loss: Loss) -> Floats:
    """Return what each image costs on average if its probabilities are right."""
    rows = np.arange(len(measured.probabilities))
    expected = np.zeros(len(rows))
    for code, share in enumerate(measured.probabilities.T):
        expected += share * loss(measured, rows, np.full_like(rows, code))
    return expected


def _resample(
    y: NDArray[np.integer],
    measured: Losses,
    copies: NDArray[np.integer],
    losses: Mapping[str, Loss],
    *,
    seed: int,
    resamples: int,
) -> dict[str, Floats]:
    """Return mean losses, shape (3, resamples).

    With the true classes; with drawn ones; and with drawn ones and a few errors.
    """
    n = len(y)
    rng = np.random.default_rng(seed)
    believed = _Believed(measured.probabilities, rng)
    found: dict[str, list[Floats]] = {name: [] for name in losses}
    for count in portions(resamples, n):
        rows = rng.integers(0, n, (count, n))
        drawn = believed.draw(rows)
        wrong = np.where(
            rng.random(rows.shape) < 1 / (n + 1), believed.draw_errors(rows), drawn
        )
        for name, loss in losses.items():
            means = [
                np.average(loss(measured, rows, classes), axis=1, weights=copies[rows])
                for classes in (y[rows], drawn, wrong)
            ]
            found[name].append(np.stack(means))
    return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}
