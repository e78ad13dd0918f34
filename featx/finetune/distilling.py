"""A dense layer that answers as a head does which Keras has no layers for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.heads.layers import Dense

LEAST_PROBABILITY = 1e-4
"""Smaller ones are taken for it: nobody trusts a head's surer answers."""


def distil(head: Any, rows: NDArray[np.floating]) -> Dense:
    """Fit a dense layer to a head's log-probabilities, by ridge regression.

    Parameters
    ----------
    head : Head
    rows : ndarray of float, shape (n, d)
        Embeddings; all that the head was fitted on.

    Returns
    -------
    Dense
        With softmax.

    Notes
    -----
    After Hinton et al., Distilling the Knowledge in a Neural Network, 2015, whose
    logits are matched at a high temperature.
    """
    logits = np.log(np.maximum(head.predict_proba(rows), LEAST_PROBABILITY))
    return _fit(rows, logits - logits.mean(axis=1, keepdims=True)).softened(1.0)


def _fit(rows: NDArray[np.floating], logits: NDArray[np.floating]) -> Dense:
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(rows)
    ridge = RidgeCV(alphas=np.logspace(-1, 5, 13)).fit(scaler.transform(rows), logits)
    dense = Dense(ridge.coef_.T.astype(np.float64), ridge.intercept_)
    return dense.after_scaling(scaler.mean_, scaler.scale_)
