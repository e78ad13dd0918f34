"""A dense layer that answers as a head does which Keras has no layers for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.heads.layers import Dense, Layer, graft
from featx.images import hold_out

LEAST_PROBABILITY = 1e-4
"""Smaller ones are taken for it: nobody trusts a head's surer answers."""

HELD_OUT = 0.2


@dataclass(frozen=True)
class Distilled:
    """A dense layer with softmax in the place of a head.

    Attributes
    ----------
    layers : list of Layer
    agreement : float
        Share of rows that were held out where both have the same class on top.
    """

    layers: list[Layer]
    agreement: float

    def to_keras(self, embedding: Any) -> Any:
        """Return the probabilities behind a Keras tensor of embeddings."""
        return graft(self.layers, embedding)


def distil(
    head: Any,
    rows: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    seed: int,
) -> Distilled:
    """Fit a dense layer to a head's log-probabilities, by ridge regression.

    Parameters
    ----------
    head : Head
    rows : ndarray of float, shape (n, d)
        Embeddings; all that the head was fitted on.
    groups : ndarray of int, shape (n,)
        Rows of one group are not both learnt from and held out.
    seed : int

    Notes
    -----
    After Hinton et al., Distilling the Knowledge in a Neural Network, 2015, whose
    logits are matched at a high temperature.
    """
    probabilities = np.maximum(head.predict_proba(rows), LEAST_PROBABILITY)
    logits = np.log(probabilities)
    logits -= logits.mean(axis=1, keepdims=True)
    top = probabilities.argmax(axis=1)
    train, held_out = hold_out(top, groups, share=HELD_OUT, seed=seed)
    tried = _fit(rows[train], logits[train])
    answers = rows[held_out] @ tried.kernel + tried.bias
    agreement = float(np.mean(answers.argmax(axis=1) == top[held_out]))
    return Distilled([_fit(rows, logits).softened(1.0)], agreement)


def _fit(rows: NDArray[np.floating], logits: NDArray[np.floating]) -> Dense:
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(rows)
    ridge = RidgeCV(alphas=np.logspace(-1, 5, 13)).fit(scaler.transform(rows), logits)
    dense = Dense(ridge.coef_.T.astype(np.float64), ridge.intercept_)
    return dense.after_scaling(scaler.mean_, scaler.scale_)
