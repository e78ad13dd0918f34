"""Logistic regression on standardised embeddings."""

from dataclasses import dataclass

import numpy as np

from featx.heads.layers import Floats
from featx.heads.linear import LinearHead
from featx.splits import Labels


@dataclass(kw_only=True, eq=False, repr=False)
class LogisticRegressionHead(LinearHead):
    """Multinomial logistic regression with an L2 penalty.

    Parameters
    ----------
    C : float
        Inverse of the penalty.
    max_iter : int
        Bound on the steps of L-BFGS.
    class_weight, random_state
        See `Head`.
    """

    C: float = 1.0
    max_iter: int = 1000

    def _fit_affine(self, Z: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=self.C, max_iter=self.max_iter)
        model.fit(Z, y, sample_weight=weight)
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        self.n_iter_ = int(model.n_iter_.max())
        if len(self.coef_) == 1:  # two classes share one row
            self.coef_ = np.vstack([np.zeros_like(self.coef_), self.coef_])
            self.intercept_ = np.concatenate([[0], self.intercept_])
