"""The linear heads against scikit-learn's, and the formula they all share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.svm import LinearSVC

from featx.heads.table import HEADS, make_head
from featx.splits import inner_folds
from tests.heads.blobs import make_blobs

LINEAR = ["lda", "svm", "logreg", "softmax"]
DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("C", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("counts", [[40, 25], [30, 20, 25]], ids=str)
def test_svm_is_linear_svc(counts, C, dtype):
    X, y = make_blobs(counts, apart=2, dtype=dtype)
    head = make_head("svm", C=C).fit(X, y)
    Z = ((X - head.mean_) / head.scale_).astype(np.float64)
    theirs = LinearSVC(C=C, dual=False, tol=1e-10, max_iter=100_000).fit(Z, y)
    scores = Z @ head.coef_.T + head.intercept_
    expected = theirs.decision_function(Z)
    if len(counts) == 2:
        np.testing.assert_allclose(scores[:, 0], -scores[:, 1], rtol=1e-3, atol=1e-6)
        scores = scores[:, 1]
    # Within a thousandth of the scores' spread.
    np.testing.assert_allclose(scores, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dead", [False, True], ids=["smooth", "dead-channels"])
@pytest.mark.parametrize("counts", [[40, 25], [8, 12, 30, 5]], ids=str)
def test_lda_is_scikit_learns(counts, dead, dtype):
    X, y = make_blobs(counts, width=30, apart=3, dtype=dtype)
    if dead:  # as ReLU leaves them: zero for all images of a class
        X[np.ix_(y == 1, np.arange(10))] = 0
    head = make_head("lda").fit(X, y)
    Z = head._transform(X).astype(np.float64)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(Z, y)
    np.testing.assert_allclose(
        head.predict_proba(X), theirs.predict_proba(Z), atol=2e-3
    )
    differences = head.coef_[1:] - head.coef_[0]
    expected = theirs.coef_ if len(counts) == 2 else theirs.coef_[1:] - theirs.coef_[0]
    np.testing.assert_allclose(differences, expected, atol=2e-3 * np.ptp(expected))


def test_lda_takes_a_given_shrinkage():
    X, y = make_blobs([20, 20, 20])
    full = make_head("lda", shrinkage=1.0).fit(X, y)
    # Shrunk all the way, the features are independent: coef = mean / variance.
    Z = full._transform(X)
    means = np.stack([Z[y == k].mean(axis=0) for k in range(3)])
    variance = ((Z - means[y]) ** 2).mean(axis=0)
    np.testing.assert_allclose(full.coef_, means / variance, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lda_with_two_images_a_class_is_not_singular(dtype):
    X, y = make_blobs([2] * 30, width=1500, apart=60, dtype=dtype)
    X_test, y_test = make_blobs([5] * 30, width=1500, apart=60, dtype=dtype, seed=1)
    head = make_head("lda").fit(X, y)
    assert (head.predict(X_test) == y_test).mean() > 0.9


def test_lda_with_one_image_a_class_takes_the_nearest():
    X, y = make_blobs([1] * 5, apart=20)
    head = make_head("lda").fit(X, y)
    assert (head.predict(X + 0.1) == y).all()


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("counts", [[15, 15], [10, 10, 10]], ids=str)
def test_documented_formula(name, counts):
    assert name in HEADS
    X, y = make_blobs(counts, dtype=np.float64)
    parameters = {"epochs": 5} if name == "softmax" else {}
    head = make_head(name, **parameters).fit(X, y)
    if head.signed_sqrt:
        Z = (np.sign(X) * np.sqrt(np.abs(X)) - head.mean_) / head.scale_
    else:
        Z = (X - head.mean_) / head.scale_
    logits = (Z @ head.coef_.T + head.intercept_) / head.temperature_
    np.testing.assert_allclose(head.predict_proba(X), softmax(logits, axis=1))
    assert head.coef_.shape == (len(counts), X.shape[1])
    assert head.intercept_.shape == (len(counts),)


def test_large_means_are_learnt_exactly_in_float32():
    X = np.random.default_rng(0).normal(1000, 0.5, (200_000, 1)).astype(np.float32)
    head = make_head("lda")
    head.signed_sqrt = False
    head._learn_scaling(X)
    assert head.mean_[0] == pytest.approx(X.astype(float).mean(), rel=1e-6)
    assert head.scale_[0] == pytest.approx(X.astype(float).std(), rel=1e-4)


@given(st.data())
def test_inner_folds_keep_groups_whole_and_classes_known(data):
    n = data.draw(st.integers(2, 30))
    labels = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    copies = data.draw(st.lists(st.integers(0, n), min_size=n, max_size=n))
    y, groups = np.array(labels), np.array(copies)
    held = []
    for train, held_out in inner_folds(y, groups, folds=5, seed=0):
        assert sorted([*train, *held_out]) == list(range(n))
        assert len(held_out)
        assert not set(groups[train]) & set(groups[held_out])
        assert set(y[train]) == set(y)
        held.extend(held_out.tolist())
    assert len(held) == len(set(held))
