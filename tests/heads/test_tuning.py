"""Fitting by name: tuning, and errors that say what is meant."""

import numpy as np
import pytest

from featx.errors import HeadError
from featx.heads.base import Head
from featx.heads.table import HEADS, HeadRow, find_head, make_head
from featx.heads.tuning import fit_head
from tests.heads.blobs import make_blobs


def test_each_row_makes_a_head_whose_grid_it_knows():
    for name, row in HEADS.items():
        assert isinstance(row, HeadRow)
        head = make_head(name)
        assert isinstance(head, Head)
        assert set(row.grid) <= set(head.get_params())
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


def test_tuning_takes_the_better_point():
    X, y = _noisy()
    X_test, y_test = make_blobs([300, 300], width=300, apart=3, seed=1)
    # The default is made bad on purpose: tuning must replace it.
    bad = {"shrinkage": 0.0}
    plain = fit_head("lda", X, y, parameters=bad)
    tuned = fit_head("lda", X, y, parameters=bad, tune=True)
    assert tuned.shrinkage in HEADS["lda"].grid["shrinkage"]
    accuracy = [(h.predict(X_test) == y_test).mean() for h in (plain, tuned)]
    assert accuracy[1] >= accuracy[0]


def test_tuning_finds_the_only_good_point(monkeypatch):
    grid = {"C": (1e-300, 1e-3)}  # all scores are equal with the first
    row = HeadRow("svm", "LinearSVMHead", grid, "")
    monkeypatch.setattr("featx.heads.tuning.find_head", lambda name: row)
    X, y = make_blobs([20, 20, 20], apart=6)
    head = fit_head("svm", X, y, tune=True, groups=np.arange(60))
    assert head.C == 1e-3
    assert (head.predict(X) == y).mean() > 0.9


def test_tuning_sees_no_copy_of_a_held_out_row(monkeypatch):
    """A point that only memorises must not look good because of duplicates."""
    seen = []
    fit = Head.fit

    def spy(self, X, y, groups=None):
        seen.append(None if groups is None else set(groups.tolist()))
        return fit(self, X, y, groups)

    monkeypatch.setattr(Head, "fit", spy)
    X, y = make_blobs([10, 10])
    groups = np.arange(20) // 2 * 2
    fit_head("logreg", X, y, groups, tune=True)
    *inner, last = seen
    assert last == set(groups.tolist())
    assert len(inner) == 3 * len(HEADS["logreg"].grid["C"])
    assert all(3 <= len(part) < len(last) for part in inner)


def test_nothing_to_tune_on():
    X, y = make_blobs([1, 1])
    head = fit_head("lda", X, y, tune=True)
    assert head.shrinkage is None
