"""The ridge head against scikit-learn's, and the penalty that it chooses."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV

from featx.heads.table import make_head
from tests.heads.blobs import as_trained, make_blobs


def scaled(head, X):
    return as_trained(head, X).astype(np.float64)


@pytest.mark.parametrize("width", [8, 90])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_the_answer_is_scikit_learns(width, class_weight):
    X, y = make_blobs([20, 15, 25], width=width, apart=2)
    head = make_head("ridge", alpha=3.0, class_weight=class_weight).fit(X, y)
    theirs = RidgeClassifier(alpha=3.0, class_weight=class_weight, tol=1e-12)
    theirs.fit(scaled(head, X), y)
    # Their targets are -1 and 1, not 0 and 1.
    expected = theirs.decision_function(scaled(head, X)) / 2 + 0.5
    np.testing.assert_allclose(head.logits(X), expected, atol=1e-4)


@pytest.mark.parametrize("width", [8, 90])
def test_the_penalty_is_about_that_of_leaving_one_out(width):
    X, y = make_blobs([25, 25, 25], width=width, apart=2)
    head = make_head("ridge").fit(X, y)
    theirs = RidgeClassifierCV(alphas=np.logspace(-2, 5, 29))
    theirs.fit(scaled(head, X), y)
    assert 1 / 4 < head.alpha_ / theirs.alpha_ < 4


def test_copies_of_one_group_do_not_lower_the_penalty():
    X, y = make_blobs([25, 25], width=60, apart=1)
    alone = make_head("ridge").fit(X, y)
    copied = X.repeat(4, axis=0), y.repeat(4)
    grouped = make_head("ridge").fit(*copied, groups=np.arange(50).repeat(4))
    untold = make_head("ridge").fit(*copied)
    # Four copies of each row have the same solution with four times the penalty.
    assert grouped.alpha_ == pytest.approx(4 * alone.alpha_, rel=1e-3)
    np.testing.assert_allclose(grouped.logits(X), alone.logits(X), atol=1e-4)
    assert untold.alpha_ < grouped.alpha_ / 10


def test_groups_of_several_sizes_weigh_all_rows_in_the_end():
    X, y = make_blobs([25, 25], width=10, apart=2)
    groups = np.concatenate([np.zeros(5, int), np.arange(1, 46)])
    head = make_head("ridge").fit(X, y, groups=groups)
    same = make_head("ridge", alpha=head.alpha_).fit(X, y)
    np.testing.assert_allclose(head.logits(X), same.logits(X), atol=1e-5)
