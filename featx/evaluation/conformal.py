"""Sets of classes that contain the true one as often as is asked for.

Written here because copies of an image must count as one: `crepes` and `mapie` weigh
all images alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-5
"""By which, of itself, a probability may be too small: files keep six digits."""


@dataclass(frozen=True)
class SetRule:
    """Which classes are in an image's prediction set.

    Attributes
    ----------
    coverage : float
        Share of the images whose set should contain the true class.
    least : float
        Probability from which on a class is in the set; 0: every class is.
    n : int
        Different images that it was calibrated on.
    """

    coverage: float
    least: float
    n: int

    def members(self, probabilities: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which classes are in each image's set, shape (n, n_classes).

        The most probable class is always in it: an empty set would tell nothing.

        Parameters
        ----------
        probabilities : ndarray of float, shape (n, n_classes)
        """
        found: NDArray[np.bool_] = probabilities >= self.least * (1 - ROUNDING)
        found[np.arange(len(found)), probabilities.argmax(axis=1)] = True
        return found


def calibrate_sets(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    groups: NDArray[np.integer],
    coverage: float,
) -> SetRule:
    """Find the probability from which on a class belongs into a prediction set.

    It is the largest one that the true classes of enough held-out images reach: of a
    share of `coverage` of n + 1 different images, where the one is the image to come.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, n_classes)
        Of images that the classifier was not fitted on.
    labels : ndarray of int, shape (n,)
        True classes, as columns of `probabilities`.
    groups : ndarray of int, shape (n,)
        Images of one group are copies, and count together as one.
    coverage : float
        Between 0 and 1.

    Notes
    -----
    The score ``1 - p(y)`` of Sadinle, Lei and Wasserman, "Least Ambiguous Set-Valued
    Classifiers With Bounded Error Levels", 2019. Were the images held out from one
    classifier, and that one asked, sets would contain the true class of a share of
    `coverage` of all images or more. Cross-validation holds them out from several,
    each fitted on fewer images than the classifier that is asked in the end (Vovk,
    "Cross-conformal predictors", 2015): so the share is approximate, in practice rather
    higher, and there is no proof. With the sets of all folds' classifiers together it
    would be proven to be ``2 * coverage - 1`` at least (Barber et al., "Predictive
    Inference with the Jackknife+", 2021).
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage {coverage} is not between 0 and 1")
    _, member, copies = np.unique(groups, return_inverse=True, return_counts=True)
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    order = np.argsort(-true, kind="stable")
    count = len(copies)
    reached = np.cumsum(1 / copies[member[order]])
    # Sums of thirds and sevenths miss whole numbers by the last digits.
    place = int(np.searchsorted(reached, coverage * (count + 1) - 1e-9))
    least = float(true[order[place]]) if place < len(true) else 0.0
    return SetRule(coverage, least, count)
