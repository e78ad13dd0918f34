"""Logistic regression on signed square roots of embeddings."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from featx.heads.layers import Floats
from featx.heads.penalised import PenalisedHead
from featx.splits import Labels


class Logistic:
    """Cross-entropy of the softmax, or of the sigmoid where two classes share a score.

    scikit-learn's LogisticRegression has the same objective.
    """

    penalises_intercept = False

    def curvature(self, columns: int) -> float:
        """Return about what the second derivative is, averaged over rows and scores.

        That of equal probabilities is ``(1 - 1 / k) / k`` of k classes; as most rows
        become certain, a third of it is left.
        """
        return 0.3 / max(columns, 4)

    def __call__(self, scores: Floats, y: Labels, cost: Floats) -> tuple[float, Floats]:
        """See `Loss`."""
        places = np.arange(len(y))
        if scores.shape[1] == 1:
            signed = np.where(y[:, None] == 1, scores, -scores)
            lost = np.logaddexp(0, -signed)[:, 0]
            wrong = np.exp(-np.logaddexp(0, signed))
            gradient = np.where(y[:, None] == 1, -wrong, wrong)
        else:
            own = scores[places, y]
            largest = scores.max(axis=1)
            scores -= largest[:, None]
            gradient = np.exp(scores, out=scores)
            total = gradient.sum(axis=1)
            lost = np.log(total) + largest - own
            gradient /= total[:, None]
            gradient[places, y] -= 1
        gradient *= cost[:, None]
        return float((cost * lost).sum(dtype=np.float64)), gradient


@dataclass(kw_only=True, eq=False, repr=False)
class LogisticRegressionHead(PenalisedHead):
    """Multinomial logistic regression with an L2 penalty.

    Square roots tame the heavy tails of pooled activations.

    Parameters
    ----------
    C : float, optional
        Inverse of the penalty; None chooses 0.001, 0.01, 0.1 or 1 by training rows
        that are held out, see `choose_penalty`.
    max_iter, tol
        See `PenalisedHead`.
    class_weight, random_state
        See `Head`.
    """

    loss = Logistic()
    choices = (1e-3, 1e-2, 1e-1, 1.0)

    C: Annotated[float, Field(gt=0)] | None = None
