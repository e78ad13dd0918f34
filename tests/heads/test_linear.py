"""The linear heads against scikit-learn's, and the formula they all share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from featx.heads import solver
from featx.heads.scaling import learn_scaling
from featx.heads.table import HEADS, make_head
from featx.splits import inner_folds
from tests.heads.blobs import as_trained, make_blobs

LINEAR = ["lda", "svm", "logreg", "softmax"]
DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("C", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("counts", [[40, 25], [30, 20, 25]], ids=str)
def test_svm_is_linear_svc(counts, C, dtype):
    X, y = make_blobs(counts, apart=2, dtype=dtype)
    head = make_head("svm", C=C, tol=1e-9).fit(X, y)
    Z = as_trained(head, X).astype(np.float64)
    theirs = LinearSVC(C=C, dual=False, tol=1e-10, max_iter=100_000).fit(Z, y)
    scores = Z @ head.coef_.T + head.intercept_
    expected = theirs.decision_function(Z)
    if len(counts) == 2:
        assert not scores[:, 0].any()
        scores = scores[:, 1]
    # Within a thousandth of the scores' spread.
    np.testing.assert_allclose(scores, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("C", [1e-3, 1e-1, 10.0])
@pytest.mark.parametrize("counts", [[40, 25], [30, 20, 25]], ids=str)
def test_logreg_is_scikit_learns(counts, C, dtype):
    X, y = make_blobs(counts, apart=2, dtype=dtype)
    head = make_head("logreg", C=C, tol=1e-10, class_weight="balanced").fit(X, y)
    Z = as_trained(head, X).astype(np.float64)
    theirs = LogisticRegression(C=C, tol=1e-8, class_weight="balanced").fit(Z, y)
    expected = theirs.predict_proba(Z)
    np.testing.assert_allclose(head.predict_proba(X), expected, atol=2e-3)


@pytest.mark.parametrize("name", ["svm", "logreg"])
def test_usual_tolerance_is_near_the_exact_solution(name):
    X, y = make_blobs([30, 20, 25], apart=2)
    for C in (1e-3, 1e-1):
        near, exact = (make_head(name, C=C, tol=t).fit(X, y) for t in (1e-5, 1e-10))
        largest = np.abs(exact.logits(X)).max()
        assert np.abs(near.logits(X) - exact.logits(X)).max() < 0.02 * largest


@pytest.mark.parametrize("name", ["svm", "logreg"])
def test_few_rows_of_many_features_need_no_full_matrix(name, monkeypatch):
    X, y = make_blobs([20, 20, 20], width=40, apart=3)
    full = make_head(name, C=0.01, tol=1e-10).fit(X, y).logits(X)
    monkeypatch.setattr(solver, "WIDEST", 39)
    diagonal = make_head(name, C=0.01, tol=1e-10).fit(X, y).logits(X)
    np.testing.assert_allclose(diagonal, full, atol=1e-3 * np.abs(full).max())


def test_penalty_is_chosen_inside_the_training_rows():
    X, y = make_blobs([40, 40, 40], width=200, apart=3)
    head = make_head("logreg").fit(X, y)
    tried = {C: make_head("logreg", C=C).fit(X, y) for C in head.choices}
    assert head.chosen_["C"] in tried
    X_test, y_test = make_blobs([200] * 3, width=200, apart=3, seed=1)
    scores = {C: (one.predict(X_test) == y_test).mean() for C, one in tried.items()}
    assert (head.predict(X_test) == y_test).mean() > max(scores.values()) - 0.03
    np.testing.assert_allclose(
        head.logits(X), tried[head.chosen_["C"]].logits(X), rtol=0.1, atol=0.1
    )


def test_penalty_is_not_chosen_by_the_means_of_the_folds():
    # The more numbers in a row, the more of it is that the mean of rows held out is on
    # the other side of zero than that of the others.
    X, y = make_blobs([60, 12], width=800, apart=2)
    X_test, y_test = make_blobs([60, 12], width=800, apart=2, seed=1)
    heads = [make_head("svm", C=C).fit(X, y) for C in (None, 1e-3)]
    chosen, fixed = ((one.predict(X_test) == y_test).mean() for one in heads)
    assert chosen > fixed - 0.03


def test_penalty_with_nothing_to_hold_out():
    X, y = make_blobs([1] * 3, apart=20)
    head = make_head("logreg").fit(X, y)
    assert head.chosen_ == {"C": 0.1}
    assert (head.predict(X) == y).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dead", [False, True], ids=["smooth", "dead-channels"])
@pytest.mark.parametrize("counts", [[40, 25], [8, 12, 30, 5]], ids=str)
def test_lda_is_scikit_learns(counts, dead, dtype):
    X, y = make_blobs(counts, width=30, apart=3, dtype=dtype)
    if dead:  # as ReLU leaves them: zero for all images of a class
        X[np.ix_(y == 1, np.arange(10))] = 0
    head = make_head("lda").fit(X, y)
    Z = as_trained(head, X).astype(np.float64)
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
    Z = as_trained(full, X)
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
    logits = (as_trained(head, X) @ head.coef_.T + head.intercept_) / head.temperature_
    np.testing.assert_allclose(head.predict_proba(X), softmax(logits, axis=1))
    assert head.coef_.shape == (len(counts), X.shape[1])
    assert head.intercept_.shape == (len(counts),)


def test_large_means_are_learnt_exactly_in_float32():
    X = np.random.default_rng(0).normal(1000, 0.5, (200_000, 1)).astype(np.float32)
    mean, scale = learn_scaling(X)
    assert mean[0] == pytest.approx(X.astype(float).mean(), rel=1e-6)
    assert scale[0] == pytest.approx(X.astype(float).std(), rel=1e-4)


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
