"""Logistic regression on standardised embeddings."""

from typing import Any

import numpy as np

from featx.heads.base import Codes, Floats
from featx.heads.linear import CalibratedLinearHead


class LogisticRegressionHead(CalibratedLinearHead):
    """Multinomial logistic regression with an L2 penalty.

    It needs a temperature too: with more features than images it separates the
    training rows, and is as sure of those that it never saw.

    Parameters
    ----------
    C : float
        Inverse of the penalty.
    max_iter : int
        Bound on the steps of L-BFGS.
    calibrate : bool
        Whether to learn the temperature.
    class_weight : "balanced", dict or None
    random_state : int
        Seed of the calibration folds.
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        max_iter: int = 1000,
        calibrate: bool = True,
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.max_iter = max_iter
        self.calibrate = calibrate
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit_affine(
        self, Z: Floats, y: Codes, weight: Floats, groups: Codes | None
    ) -> None:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=self.C, max_iter=self.max_iter)
        model.fit(Z, y, sample_weight=weight)
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        self.n_iter_ = int(model.n_iter_.max())
        if len(self.coef_) == 1:  # two classes share one row
            self.coef_ = np.vstack([np.zeros_like(self.coef_), self.coef_])
            self.intercept_ = np.concatenate([[0], self.intercept_])
