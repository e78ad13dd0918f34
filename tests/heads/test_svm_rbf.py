"""The kernel machine's own arithmetic against scikit-learn's."""

import numpy as np
import pytest
from sklearn.svm import SVC

from featx.heads.table import make_head
from tests.heads.blobs import make_blobs


@pytest.mark.parametrize("gamma", ["scale", 0.02])
@pytest.mark.parametrize("counts", [[20, 25], [20, 15, 25], [9, 1, 8, 12, 10]], ids=str)
def test_scores_are_those_of_svc(counts, gamma):
    X, y = make_blobs(counts, apart=2.5)
    head = make_head("svm-rbf", C=3.0, gamma=gamma).fit(X, y)
    theirs = SVC(C=3.0, gamma=gamma).fit(head._scaled(X), y)
    unseen, _ = make_blobs(counts, apart=2.5, seed=1)
    expected = theirs.decision_function(head._scaled(unseen))
    scores = head.logits(unseen)
    if len(counts) == 2:
        scores = scores[:, 1] - scores[:, 0]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_many_rows_go_through_in_blocks(monkeypatch):
    X, y = make_blobs([20, 20, 20])
    head = make_head("svm-rbf").fit(X, y)
    whole = head.logits(X)
    monkeypatch.setattr("featx.heads.svm_rbf.BLOCK", 7)
    np.testing.assert_allclose(head.logits(X), whole, rtol=1e-6)
