"""The nearest mean against its formula, whichever way it is solved."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from featx.heads.table import make_head
from tests.heads.blobs import as_trained, make_blobs


@pytest.mark.parametrize("width", [8, 90])
def test_it_is_the_nearest_mean_among_whitened_rows(width):
    X, y = make_blobs([20, 15, 25], width=width, apart=2)
    head = make_head("prototype").fit(X, y)
    Z = as_trained(head, X).astype(np.float64)
    means = np.stack([Z[y == k].mean(axis=0) for k in range(3)])
    fitted = LedoitWolf(assume_centered=True).fit(Z - means[y])
    away = Z[:, None] - means
    distances = np.einsum("nkd,de,nke->nk", away, fitted.precision_, away)
    expected = np.log(np.bincount(y) / len(y)) - distances / 2
    found = head.logits(X)
    np.testing.assert_allclose(
        found - found.mean(axis=1, keepdims=True),
        expected - expected.mean(axis=1, keepdims=True),
        rtol=1e-3,
        atol=1e-3,
    )
