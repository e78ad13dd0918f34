"""Nearest neighbours, counted by hand."""

import numpy as np
import pytest

from featx.heads.knn import DOUBT
from featx.heads.table import make_head
from tests.heads.blobs import make_blobs


def directions(head, X):
    root = np.sign(X) * np.sqrt(np.abs(X)) - head.layers_[1].mean
    return root / np.linalg.norm(root, axis=1, keepdims=True)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_votes_are_weighted_by_cosine(class_weight):
    X, y = make_blobs([20, 10, 5], apart=2)
    head = make_head("knn", k=7, spread=0.2, class_weight=class_weight).fit(X, y)
    unseen, _ = make_blobs([9, 9, 9], apart=2, seed=1)
    cosines = directions(head, unseen) @ directions(head, X).T
    priors = np.bincount(y) / len(y)
    of_class = 1 / priors if class_weight else np.ones(3)
    for row, found in zip(cosines, head.predict_proba(unseen), strict=True):
        nearest = np.argsort(-row)[:7]
        votes = np.bincount(y[nearest], np.exp(row[nearest] / 0.2), minlength=3)
        votes = ((1 - DOUBT) * votes / votes.sum() + DOUBT * priors) * of_class
        np.testing.assert_allclose(found, votes / votes.sum(), rtol=1e-3)


def test_there_may_be_fewer_rows_than_neighbours():
    X, y = make_blobs([2, 2], apart=9)
    assert (make_head("knn", k=99).fit(X, y).predict(X) == y).all()
