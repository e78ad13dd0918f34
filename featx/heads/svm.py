"""Linear support vector machine on signed square roots of embeddings."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from featx.heads.layers import Floats
from featx.heads.penalised import PenalisedHead
from featx.splits import Labels


class SquaredHinge:
    """One against the rest: ``max(0, 1 - s)²`` of every score s, signed by the class.

    The objective of liblinear (Fan et al., 2008) and so of scikit-learn's LinearSVC,
    for all classes at once. The intercept is a feature of ones and is penalised, as
    there.
    """

    penalises_intercept = True

    def curvature(self, columns: int) -> float:
        """Return about what the second derivative is: 2 for rows inside the margin."""
        return 1.0

    def __call__(self, scores: Floats, y: Labels, cost: Floats) -> tuple[float, Floats]:
        """See `Loss`."""
        places = np.arange(len(y))
        if scores.shape[1] == 1:
            sign = np.where(y == 1, 1, -1).astype(scores.dtype)[:, None]
            slack = np.maximum(0, 1 - sign * scores)
            gradient = -sign * slack
        else:
            scores[places, y] *= -1
            scores += 1
            slack = np.maximum(scores, 0, out=scores)
            gradient = slack.copy()
            gradient[places, y] *= -1
        squares = np.einsum("ij,ij->i", slack, slack)
        gradient *= 2 * cost[:, None]
        return float((cost * squares).sum(dtype=np.float64)), gradient


@dataclass(kw_only=True, eq=False, repr=False)
class LinearSVMHead(PenalisedHead):
    """One-vs-rest linear SVM with squared hinge loss and an L2 penalty.

    Square roots tame the heavy tails of pooled activations.

    Parameters
    ----------
    C : float, optional
        Inverse of the penalty; None chooses 1e-5, 1e-4, 0.001 or 0.01 by training rows
        that are held out, see `choose_penalty`.
    max_iter, tol
        See `PenalisedHead`.
    class_weight, random_state
        See `Head`.
    """

    loss = SquaredHinge()
    choices = (1e-5, 1e-4, 1e-3, 1e-2)

    C: Annotated[float, Field(gt=0)] | None = 1e-3
