"""The ensemble: its weights, its members, and what it becomes."""

import numpy as np
import pytest

from featx.errors import HeadError
from featx.evaluation.calibration import fit_temperature
from featx.heads.ensemble import PRIOR_ROWS, pool_weights
from featx.heads.file import head_bytes, read_head
from featx.heads.layers import apply_layers
from featx.heads.scaling import softmax
from featx.heads.table import make_head
from featx.heads.tuning import fit_head
from featx.splits import inner_folds
from tests.heads.blobs import make_blobs

BAYES = "sklearn.naive_bayes.GaussianNB"


def test_a_vote_is_the_mean_of_calibrated_probabilities():
    X, y = make_blobs([20, 25, 30], apart=2)
    head = make_head("ensemble", members="lda,ridge", combine="vote").fit(X, y)
    folds = inner_folds(y, np.arange(len(y)), folds=3, seed=0)
    expected = np.zeros((len(y), 3))
    for name in ("lda", "ridge"):
        scores = np.zeros((len(y), 3))
        for rows, held_out in folds:
            member = make_head(name).fit(X[rows], y[rows])
            scores[held_out] = member.logits(X[held_out])
        temperature = fit_temperature(scores[:, None], y)
        member = make_head(name).fit(X, y)
        expected += softmax(member.logits(X).astype(np.float64) / temperature) / 2
    np.testing.assert_allclose(head.predict_proba(X), expected, rtol=1e-6)


def test_a_member_that_knows_nothing_gets_little_weight():
    X, y = make_blobs([40, 40], apart=5)
    noise = "sklearn.dummy.DummyClassifier"
    head = make_head("ensemble", members=f"lda,{noise}").fit(X, y)
    lda, dummy = head.weights_
    assert dummy < 0.15 < lda
    assert head.chosen_["weights"] == {
        "lda": pytest.approx(lda, abs=1e-4),
        noise: pytest.approx(dummy, abs=1e-4),
    }


def test_weights_have_the_highest_likelihood():
    right = np.log(np.random.default_rng(0).uniform(0.05, 1, size=(300, 3)))
    cost = np.random.default_rng(1).uniform(0.5, 2, size=300)
    found = pool_weights(right, cost)

    def likelihood(weights):
        rows = cost / cost.mean() @ np.log(np.exp(right) @ weights)
        return rows + PRIOR_ROWS / 3 * np.log(weights).sum()

    assert found.sum() == pytest.approx(1)
    for move in np.eye(3) - 1 / 3:
        for step in (-0.01, 0.01):
            assert likelihood(found) > likelihood(found + step * move)


def test_weights_stay_equal_where_members_are():
    np.testing.assert_allclose(pool_weights(np.zeros((5, 4)), np.ones(5)), 0.25)


def test_on_large_data_one_fold_calibrates(monkeypatch):
    X, y = make_blobs([30, 30], apart=2)
    fitted = []
    monkeypatch.setattr(
        "featx.heads.ensemble.make_head",
        lambda name, **given: fitted.append(name) or make_head(name, **given),
    )
    make_head("ensemble", members="lda,ridge").fit(X, y)
    assert len(fitted) == 2 * 4
    fitted.clear()
    monkeypatch.setattr("featx.splits.LONG", X.size - 1)
    make_head("ensemble", members="lda,ridge").fit(X, y)
    assert len(fitted) == 2 * 2


def test_weights_of_classes_reach_the_members():
    X, y = make_blobs([40, 20], apart=1)
    names = np.array(["cat", "dog"])[y]
    plain, weighted = (
        make_head("ensemble", members="lda,svm", class_weight=weight).fit(X, names)
        for weight in (None, {"dog": 20})
    )
    counts = [(head.predict(X) == "dog").sum() for head in (plain, weighted)]
    assert counts[1] > counts[0]
    assert weighted.members_["svm"].class_weight == {0: 1, 1: 20}


def test_its_layers_are_those_of_the_members_side_by_side():
    X, y = make_blobs([20, 20, 20], apart=2)
    head = make_head("ensemble", members="lda,knn").fit(X, y)
    head.temperature_ = 1.7
    found = softmax(apply_layers(head._layers(), X).astype(np.float64))
    np.testing.assert_allclose(found, head.predict_proba(X), atol=1e-5)
    assert head.has_keras_layers
    assert not head.has_gradients  # neighbours change by steps
    assert not head.can_be_trained_further


def test_a_member_without_keras_layers_leaves_it_without():
    X, y = make_blobs([20, 20], apart=2)
    assert make_head("ensemble", members="lda,svm").fit(X, y).can_be_trained_further
    head = make_head("ensemble", members="lda,svm-rbf").fit(X, y)
    assert not head.has_keras_layers


def test_members_of_every_kind_are_in_the_file(tmp_path):
    X, y = make_blobs([20, 20, 20], apart=2)
    head = make_head("ensemble", members=f"svm-rbf,knn,{BAYES}").fit(X, y)
    path = tmp_path / "head"
    path.write_bytes(head_bytes(head))
    loaded = read_head(path)
    assert list(loaded.members_) == ["svm-rbf", "knn", BAYES]
    np.testing.assert_array_equal(loaded.predict_proba(X), head.predict_proba(X))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ("lda", "needs two or more different heads, not 'lda'"),
        ("lda,LDA", "needs two or more different heads, not 'lda,LDA'"),
        ("lda,ensemble", "'ensemble' can't be a member"),
        ("lda,conv", "'conv' can't be a member"),
        ("lda,svn", "no head 'svn'; did you mean 'svm'"),
    ],
)
def test_members_that_are_none(members, said):
    with pytest.raises(HeadError, match=f"^head 'ensemble': .*{said}"):
        fit_head("ensemble", *make_blobs([9, 9]), parameters={"members": members})
    with pytest.raises(HeadError, match=said):
        type(make_head("ensemble"))(members=members).fit(*make_blobs([9, 9]))
