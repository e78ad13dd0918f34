"""Fitting by name: tuning, and errors that say what is meant."""

import itertools

import numpy as np
import optuna
import pytest

from featx.errors import HeadError
from featx.heads.base import Head
from featx.heads.search_space import Between
from featx.heads.table import HEADS, HeadRow, find_head, make_head
from featx.heads.tuning import LONG_TRIALS, TRIALS, fit_head
from featx.splits import CHOICE_FOLDS
from tests.heads.blobs import make_blobs


def test_each_row_makes_a_head_whose_grid_it_knows():
    for name, row in HEADS.items():
        assert isinstance(row, HeadRow)
        head = make_head(name)
        assert isinstance(head, Head)
        assert set(row.space) <= set(head.get_params())
        assert {"class_weight", "random_state"} <= set(head.get_params())
        assert row.summary


def test_names_are_found_in_any_case():
    assert find_head("SVM") is HEADS["svm"]


def test_unknown_head_names_the_nearest():
    with pytest.raises(HeadError, match="no head 'sofmax'; did you mean 'softmax'"):
        make_head("sofmax")


def test_unknown_head_with_nothing_near():
    with pytest.raises(HeadError, match=r"^no head 'qqq' \(`featx heads` lists them\)"):
        find_head("qqq")


def test_unknown_parameter_names_the_nearest():
    with pytest.raises(
        HeadError, match=r"'svm' has no parameter 'max_itr'.*'max_iter'"
    ):
        make_head("svm", max_itr=3)


@pytest.mark.parametrize("odd", ["name", "X", "self_"])
def test_parameters_with_names_of_our_own_are_unknown_too(odd):
    X, y = make_blobs([5, 5])
    with pytest.raises(HeadError, match=f"has no parameter '{odd}'"):
        fit_head("lda", X, y, parameters={odd: 1})


def test_parameters_win_over_the_seed():
    X, y = make_blobs([9, 9])
    head = fit_head("svm", X, y, seed=1, parameters={"random_state": 7, "C": 0.1})
    assert (head.random_state, head.C) == (7, 0.1)


def test_seed_and_class_weight_reach_the_head():
    head = fit_head("svm", *make_blobs([9, 9]), seed=3, class_weight="balanced")
    assert (head.random_state, head.class_weight) == (3, "balanced")


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (np.eye(4), np.zeros(4, int), "needs two classes, got one class"),
        (np.full((4, 2), np.nan), np.array([0, 0, 1, 1]), "Input X contains NaN$"),
        (np.eye(4), np.array([0, 1]), "inconsistent numbers of samples"),
    ],
)
def test_rows_that_cannot_be_learnt_from(X, y, said):
    with pytest.raises(HeadError, match=f"^head 'svm': .*{said}") as caught:
        fit_head("svm", X, y)
    assert "\n" not in str(caught.value)


def test_a_parameter_of_the_wrong_kind():
    with pytest.raises(HeadError, match=r"^head 'logreg': .*'C'"):
        fit_head("logreg", *make_blobs([5, 5]), parameters={"C": "much"})


def _noisy():
    """Few rows, many features that say nothing: the penalty decides."""
    return make_blobs([12, 12], width=300, apart=3)


def search_in(monkeypatch, name, estimator, space):
    row = HeadRow(name, estimator, space, "")
    monkeypatch.setattr("featx.heads.tuning.find_head", lambda name: row)


@pytest.mark.parametrize(
    "space", [{"C": (1e-300, 1e-3)}, {"C": Between(1e-9, 1.0)}], ids=["values", "range"]
)
def test_tuning_finds_good_values(monkeypatch, space):
    search_in(monkeypatch, "svm", "LinearSVMHead", space)
    X, y = make_blobs([20, 20, 20], apart=6)
    bad = {"C": 1e-300}  # all scores are equal with it
    head = fit_head("svm", X, y, tune=True, parameters=bad, groups=np.arange(60))
    assert head.C >= 1e-9
    assert (head.predict(X) == y).mean() > 0.9


def test_what_was_tried_is_told():
    X, y = _noisy()
    tuned = fit_head("ridge", X, y, tune=True)
    found = tuned.chosen_["tuning"]
    assert found["folds"] == CHOICE_FOLDS
    assert not found["out_of_time"]
    assert found["tried"][0]["alpha"] is None  # the default comes first
    assert TRIALS / 2 < len(found["tried"]) <= TRIALS  # equal ones once
    best = max(found["tried"], key=lambda one: one["accuracy"])
    assert tuned.alpha == best["alpha"]


def test_of_equal_values_the_own_ones_are_kept():
    X, y = make_blobs([20, 20], apart=30)
    tuned = fit_head("lda", X, y, tune=True)
    assert tuned.shrinkage is None
    assert {one["accuracy"] for one in tuned.chosen_["tuning"]["tried"]} == {1}


def test_no_values_are_tried_twice():
    X, y = make_blobs([20, 20], apart=1)
    tuned = fit_head("kmeans", X, y, tune=True)
    tried = [one["per_class"] for one in tuned.chosen_["tuning"]["tried"]]
    assert sorted(tried) == [1, 2, 4]


def test_a_head_with_nothing_to_search_is_fitted_as_it_is():
    head = fit_head("ensemble", *make_blobs([9, 9]), tune=True)
    assert "tuning" not in head.chosen_


def test_the_same_seed_tries_the_same():
    X, y = _noisy()
    first, again, other = (
        fit_head("ridge", X, y, tune=True, seed=seed).chosen_["tuning"]["tried"]
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first[1:] != other[1:]


def test_the_clock_ends_a_search(monkeypatch):
    """Every look at it shows ten seconds more: two for each trial."""
    X, y = _noisy()
    clock = itertools.count(0, 10)
    monkeypatch.setattr("featx.heads.tuning.time.perf_counter", lambda: next(clock))
    found = fit_head("ridge", X, y, tune=True, tune_seconds=65).chosen_["tuning"]
    assert found["out_of_time"]
    # They begin after 10, 30 and 50 s; that of 70 s would be too late.
    assert len(found["tried"]) == 3


def test_no_time_at_all_leaves_the_parameters(monkeypatch):
    clock = itertools.count(0, 10)
    monkeypatch.setattr("featx.heads.tuning.time.perf_counter", lambda: next(clock))
    tuned = fit_head("ridge", *_noisy(), tune=True, tune_seconds=1)
    assert tuned.alpha is None
    assert tuned.chosen_["tuning"]["tried"] == []


def test_large_data_are_tuned_on_one_fold(monkeypatch):
    X, y = _noisy()
    monkeypatch.setattr("featx.splits.LONG", X.size - 1)
    found = fit_head("ridge", X, y, tune=True).chosen_["tuning"]
    assert found["folds"] == 1
    assert 1 < len(found["tried"]) <= LONG_TRIALS


def test_on_large_data_a_penalty_is_chosen_once(monkeypatch):
    X, y = _noisy()
    monkeypatch.setattr("featx.splits.LONG", X.size - 1)
    monkeypatch.setattr("featx.heads.tuning.LONG_TRIALS", 1)
    head = fit_head("logreg", X, y, tune=True)
    assert head.C in type(head).choices
    (tried,) = head.chosen_["tuning"]["tried"]
    assert tried["C"] == head.C


def test_optuna_keeps_the_verbosity_that_it_had(capfd):
    before = optuna.logging.get_verbosity()
    fit_head("lda", *make_blobs([9, 9]), tune=True)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_tuning_sees_no_copy_of_a_held_out_row(monkeypatch):
    """Values that only memorise must not look good because of duplicates."""
    seen = []
    fit = Head.fit

    def spy(self, X, y, groups=None):
        seen.append(None if groups is None else set(groups.tolist()))
        return fit(self, X, y, groups)

    monkeypatch.setattr(Head, "fit", spy)
    X, y = make_blobs([10, 10])
    groups = np.arange(20) // 2 * 2
    head = fit_head("logreg", X, y, groups, tune=True)
    *inner, last = seen
    assert last == set(groups.tolist())
    assert len(inner) == 3 * len(head.chosen_["tuning"]["tried"])
    assert all(3 <= len(part) < len(last) for part in inner)


def test_nothing_to_tune_on():
    X, y = make_blobs([1, 1])
    head = fit_head("lda", X, y, tune=True)
    assert head.shrinkage is None
    assert head.chosen_["tuning"]["tried"] == []
