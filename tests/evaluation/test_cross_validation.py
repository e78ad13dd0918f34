"""Cross-validation scores each row once, by what was learnt elsewhere."""

import os
import signal
from functools import partial

import numpy as np
import pytest

from featx.errors import DataError, HeadError
from featx.evaluation.cross_validation import cross_validate
from featx.evaluation.intervals import share_interval
from featx.heads.views import fit_views
from tests.heads.blobs import make_blobs


def one_hot(answers, classes):
    """Return scores of one view that are highest for the answers."""
    return 9.0 * (np.asarray(answers)[:, None, None] == classes)


class Memory:
    """Knows the label of each row it has seen, and is wrong about all others."""

    def __init__(self, X, y):
        self.classes_ = np.unique(y)
        self.known = {row.tobytes(): label for row, label in zip(X, y, strict=True)}

    def logits(self, X):
        wrong = [next(iter(set(self.classes_) - {i})) for i in X[:, 1].astype(int)]
        keys = [row.tobytes() for row in X]
        answers = [self.known.get(k, w) for k, w in zip(keys, wrong, strict=True)]
        return one_hot(answers, self.classes_)


def memorise(X, y, groups, *, seed):
    return Memory(X, y)


class Spy:
    """Notes who was trained on what; answers as told."""

    def __init__(self, answer):
        self.answer = answer
        self.trained = []
        self.asked = []
        self.options = []

    def __call__(self, X, y, groups, **options):
        self.options.append(options)
        self.trained.append((X[:, 0].tolist(), groups.tolist()))
        self.classes_ = np.unique(y)
        return self

    def logits(self, X):
        self.asked.append(X[:, 0].tolist())
        return one_hot(self.answer(X), self.classes_)


def numbered(n, n_classes=2):
    y = np.arange(n) % n_classes
    return np.stack([np.arange(n), y], axis=1).astype(np.float32), y, np.arange(n)


def test_copies_are_not_scored_by_memory():
    X, y, _ = numbered(30, 3)
    X, y = X.repeat(3, axis=0), y.repeat(3)
    groups = np.arange(30).repeat(3)
    found = cross_validate(memorise, X, y, groups)
    assert found.accuracy == 0
    # Without the groups the memory would have done well.
    leaky = cross_validate(memorise, X, y, np.arange(90))
    assert leaky.accuracy > 0.5


def test_no_group_on_both_sides_and_each_row_once_a_repeat():
    X, y, _ = numbered(40)
    groups = np.arange(40) // 3
    spy = Spy(lambda X: np.zeros(len(X), int))
    cross_validate(spy, X, y, groups, folds=4, repeats=3)
    assert len(spy.trained) == 12
    for (rows, seen), asked in zip(spy.trained, spy.asked, strict=True):
        assert not set(seen) & {groups[int(i)] for i in asked}
        assert sorted(rows + asked) == list(range(40))
        assert seen == [groups[int(i)] for i in rows]
    for repeat in range(3):
        asked = [i for fold in spy.asked[4 * repeat : 4 * repeat + 4] for i in fold]
        assert sorted(asked) == list(range(40))
    assert spy.asked[:4] != spy.asked[4:8]


def test_accuracy_and_spread_between_folds():
    X, y, groups = numbered(40)
    spy = Spy(lambda X: np.zeros(len(X), int))
    found = cross_validate(spy, X, y, groups, folds=5)
    assert found.accuracy == 0.5
    assert (found.folds, found.repeats) == (5, 1)
    assert found.right.tolist() == (y == 0).tolist()
    by_fold = [np.mean([y[int(i)] == 0 for i in asked]) for asked in spy.asked]
    assert found.std == pytest.approx(np.std(by_fold, ddof=1))
    low, high = found.interval
    assert 0.3 < low < 0.5 < high < 0.7


def test_spread_between_repeats():
    X, y, groups = numbered(20)
    answers = iter([True, True, False, False])
    spy = Spy(lambda X: (X[:, 0].astype(int) + (not next(answers))) % 2)
    found = cross_validate(spy, X, y, groups, folds=2, repeats=2)
    assert found.accuracy == 0.5
    assert found.std == pytest.approx(0.5**0.5)
    assert found.interval == share_interval(0.5, 20)  # repeats add no images


def test_progress_and_seed():
    X, y, groups = numbered(20)
    told = []
    first, again, other = (Spy(lambda X: np.zeros(len(X), int)) for _ in range(3))
    cross_validate(
        first, X, y, groups, folds=2, repeats=2, on_fold=lambda *a: told.append(a)
    )
    cross_validate(again, X, y, groups, folds=2, repeats=2)
    cross_validate(other, X, y, groups, folds=2, repeats=2, seed=7)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert first.asked == again.asked != other.asked


def test_too_few_groups():
    X, y, groups = numbered(40)
    with pytest.raises(DataError, match=r"4 different training images .* 5 folds"):
        cross_validate(Spy(None), X, y, groups // 10)


def test_a_class_of_one_image_is_wrong_not_fatal():
    """Held out, nothing is left to learn the other class from."""
    X, _, groups = numbered(11)
    y = np.array([1] + [0] * 10)
    X[:, 1] = y
    found = cross_validate(memorise, X, y, groups)
    held_with_the_one = 3  # the memory knows nobody; in that fold all are called 0
    assert found.accuracy <= (held_with_the_one - 1) / 11
    spy = Spy(lambda X: np.zeros(len(X), int))
    assert cross_validate(spy, X, y, groups).accuracy == pytest.approx(10 / 11)
    assert len(spy.trained) == 4


def test_classes_smaller_than_the_folds():
    X, y, groups = numbered(12, 6)
    spy = Spy(lambda X: X[:, 0].astype(int) % 6)
    assert cross_validate(spy, X, y, groups).accuracy == 1


def test_what_was_predicted_is_kept():
    X, y, groups = numbered(40)
    spy = Spy(lambda X: np.where(X[:, 0] < 30, X[:, 1], 1 - X[:, 1]).astype(int))
    found = cross_validate(spy, X, y, groups, folds=4, repeats=2, n_classes=3)
    assert found.predicted.shape == (2, 40)
    expected = np.where(np.arange(40) < 30, y, 1 - y)
    assert found.predicted.tolist() == [expected.tolist()] * 2
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.argmax(axis=1).tolist() == expected.tolist()
    sure = 1 / (1 + np.exp(-9.0))
    np.testing.assert_allclose(found.probabilities.max(axis=1), sure, rtol=1e-6)
    assert (found.probabilities[:, 2] == 0).all()  # a class that nobody knows
    for fold in range(4):
        assert sorted(spy.asked[fold]) == np.flatnonzero(found.fold == fold).tolist()


def test_scores_of_the_folds():
    X, y, groups = numbered(42)
    spy = Spy(lambda X: np.zeros(len(X), int))
    found = cross_validate(spy, X, y, groups, folds=4, repeats=2)
    assert found.by_fold.n_held_out.tolist() == [[11, 11, 10, 10]] * 2
    assert found.by_fold.n_train.tolist() == [[31, 31, 32, 32]] * 2
    expected = [np.mean([y[int(i)] == 0 for i in asked]) for asked in spy.asked]
    np.testing.assert_allclose(found.by_fold.accuracy.ravel(), expected)


def test_calibration_figures():
    """All answers are the first class, sure by 0.9 and right by half."""
    X, y, groups = numbered(40)
    spy = Spy(lambda X: np.zeros(len(X), int))
    spy.logits = lambda X: np.tile(np.log([[[0.9, 0.1]]]), (len(X), 1, 1))
    found = cross_validate(spy, X, y, groups)
    assert found.calibration_error == pytest.approx(0.4)
    assert found.brier == pytest.approx((2 * 0.1**2 + 2 * 0.9**2) / 2)
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.1]).mean())


def test_probabilities_are_computed_in_blocks(monkeypatch):
    X, y, groups = numbered(41)
    weight = np.ones(41)
    whole = cross_validate(memorise, X, y, groups, weight=weight)
    monkeypatch.setattr("featx.evaluation.cross_validation.BLOCK_NUMBERS", 7)
    blocks = cross_validate(memorise, X, y, groups, weight=weight)
    assert whole == blocks
    np.testing.assert_array_equal(whole.probabilities, blocks.probabilities)


def test_each_repeat_has_a_seed_of_its_own():
    X, y, groups = numbered(20)
    spy = Spy(lambda X: np.zeros(len(X), int))
    cross_validate(spy, X, y, groups, folds=2, repeats=3, seed=5)
    assert spy.options == [{"seed": seed} for seed in (5, 5, 6, 6, 7, 7)]


def test_folds_side_by_side_score_the_same():
    X, y = make_blobs([20, 20, 20], apart=2)
    lda = partial(fit_views, "lda")
    one, two = (
        cross_validate(lda, X[:, None], y, np.arange(60), folds=3, jobs=jobs)
        for jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.predicted, two.predicted)


def end(*data, **options):
    """Do what the system does to a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_ended_is_told_in_a_line():
    X, y, groups = numbered(20)
    with pytest.raises(HeadError, match=r"^a process .* was ended, .* use --jobs 1$"):
        cross_validate(end, X, y, groups, folds=2, jobs=2)
