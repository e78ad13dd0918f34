"""Learning curves are measured in the folds of the cross-validation."""

import numpy as np
import pytest

from featx.evaluation.cross_validation import cross_validate
from featx.evaluation.learning_curve import curve_fits, measure_learning_curve
from tests.heads.blobs import make_blobs


class Centroids:
    """Scores rows by how near they are to the mean of each class."""

    def __init__(self, X, y):
        self.classes_ = np.unique(y)
        self.means = np.stack([X[y == k].mean(axis=(0, 1)) for k in self.classes_])

    def logits(self, X):
        return -((X[:, :, None] - self.means) ** 2).sum(axis=3)


class Spy:
    """Notes what is fitted on, and what is scored."""

    def __init__(self, X, y):
        self.rows, self.y, self.fitted, self.scored = len(X), y, [], []

    def __call__(self, X, y, groups, **seed):
        self.fitted.append((X[:, 0, 0].astype(int), groups))
        self.classes_ = np.unique(y)
        return self

    def logits(self, X):
        self.scored.append(X[:, 0, 0].astype(int))
        return np.zeros((len(X), 1, len(self.classes_)))


def numbered(counts, *, copies=1):
    """Return rows that say their own number, labels and groups of copies."""
    y = np.repeat(np.arange(len(counts)), counts).repeat(copies)
    X = np.arange(len(y), dtype=float)[:, None, None]
    return X, y, np.arange(len(y)) // copies


def measured(X, y, groups=None, *, fit=None, **options):
    groups = np.arange(len(y)) if groups is None else groups
    fit = fit or (lambda X, y, groups, **seed: Centroids(X, y))
    folds = options.get("folds", 5)
    inner = cross_validate(fit, X, y, groups, folds=folds)
    return measure_learning_curve(fit, X, y, groups, inner.right, **options), inner


def blobs(counts, **options):
    X, y = make_blobs(counts, **options)
    return X[:, None], y


def test_parts_are_nested_and_share_nothing_with_what_is_held_out():
    X, y, groups = numbered([40, 41, 39], copies=2)
    spy = Spy(X, y)
    measure_learning_curve(spy, X, y, groups, np.ones(len(y), bool))
    assert len(spy.fitted) == curve_fits(y, groups, 5) == 5 * (2 + 4 + 4)
    for fold in range(5):
        part = slice(10 * fold, 10 * fold + 10)
        fits = [set(rows) for rows, _ in spy.fitted[part]]
        halves, quarters, eighths = fits[:2], fits[2:6], fits[6:]
        assert not halves[0] & halves[1]
        assert halves[0] | halves[1] == set().union(*quarters)
        assert len(halves[0] | halves[1]) == sum(map(len, quarters))
        for number, quarter in enumerate(quarters):
            assert quarter < halves[number % 2]
            assert eighths[number] < quarter
        held_out = set(spy.scored[10 * fold])
        assert not held_out & set().union(*fits)
        assert held_out | set().union(*fits) == set(range(len(y)))
    for rows, seen in spy.fitted:
        assert seen.tolist() == [groups[row] for row in rows]
        _, counts = np.unique(seen, return_counts=True)
        assert set(counts) == {2}  # no group is cut
        counts = np.bincount(y[rows])
        assert counts.max() - counts.min() <= 4  # two groups


def test_each_class_has_a_group_in_each_part():
    X, y, groups = numbered([3, 60, 60])
    spy = Spy(X, y)
    measure_learning_curve(spy, X, y, groups, np.ones(len(y), bool))
    assert all(set(y[rows]) == {0, 1, 2} for rows, _ in spy.fitted)


def test_points_and_forecast():
    X, y = blobs([60] * 4, apart=2.5)
    told = []
    curve, inner = measured(X, y, on_fit=lambda *a: told.append(a))
    assert told == [(done, 50) for done in range(1, 51)]
    assert [point.images for point in curve.points] == [24, 48, 96, 192]
    assert [point.images_per_class for point in curve.points] == [6, 12, 24, 48]
    assert [point.fits for point in curve.points] == [20, 20, 10, 5]
    assert curve.points[-1].accuracy == inner.accuracy
    assert curve.points[-1].std is None
    assert all(0 < point.std < 0.2 for point in curve.points[:-1])
    assert curve.points[0].accuracy < curve.points[-1].accuracy
    assert curve.forecast.images == 384
    assert curve.forecast.images_per_class == 96
    assert curve.forecast.accuracy == curve.fitted[-1].accuracy
    low, high = curve.forecast.interval
    assert low < curve.forecast.accuracy < high
    assert curve.reason == ""
    assert measured(X, y)[0] == curve


def test_the_mean_over_views_is_scored():
    X, y = blobs([20] * 3, apart=9)
    both = np.concatenate([X, X], axis=1)
    curve, _ = measured(both, y)
    assert curve.points == measured(X, y)[0].points


def test_two_folds_and_many_classes():
    X, y = blobs([16] * 12, apart=4)
    curve, _ = measured(X, y, folds=2)
    assert [point.images_per_class for point in curve.points] == [2, 4, 8]
    assert [point.fits for point in curve.points] == [8, 4, 2]
    assert curve.law is not None


@pytest.mark.parametrize("count", [1, 2, 6])
def test_too_few_images_are_said_to_be(count):
    X, y = blobs([count] * 10)
    curve, inner = measured(X, y)
    assert curve.reason == "few images"
    assert curve.forecast is curve.law is None
    assert curve.fitted == []
    assert curve.points[-1].accuracy == inner.accuracy


def test_a_curve_that_falls_has_no_forecast():
    """The answers of one that is right with few rows only."""
    X, y, groups = numbered([50, 50])

    class Worse(Spy):
        def logits(self, X):
            rows = X[:, 0, 0].astype(int)
            right = rows % 10 < 10 - len(self.fitted[-1][0]) // 10
            answers = np.where(right, y[rows], 1 - y[rows])
            return np.eye(2)[answers][:, None]

    curve, _ = measured(X, y, groups, fit=Worse(X, y))
    accuracies = [point.accuracy for point in curve.points]
    assert accuracies == sorted(accuracies, reverse=True)
    assert curve.reason == "falling"
    assert curve.forecast is None


def test_a_class_that_is_alone_in_a_part():
    """A single image of a class: where it is held out, there is nothing to learn."""
    X, y, groups = numbered([1, 40])
    curve, _ = measured(X, y, groups, fit=Spy(X, y))
    assert curve.points[0].images_per_class < 4


@pytest.mark.slow
@pytest.mark.parametrize("apart", [2.0, 3.5])
@pytest.mark.parametrize("count", [10, 30])
def test_the_forecast_contains_the_truth(apart, count):
    """Of sets of images of the same source, with a classifier that learns."""
    classes, options = 6, {"width": 24, "apart": apart}
    X_test, y_test = blobs([400] * classes, seed=10**6, **options)
    reached, found = [], []
    for seed in range(150):
        # A fold is fitted on four fifths of twice the images.
        X, y = blobs([round(1.6 * count)] * classes, seed=10**5 + seed, **options)
        logits = Centroids(X, y).logits(X_test)[:, 0]
        reached.append((logits.argmax(axis=1) == y_test).mean())
        X, y = blobs([count] * classes, seed=seed, **options)
        found.append(measured(X, y)[0].forecast.interval)
    low, high = np.array(found).T
    truth = np.mean(reached)
    assert np.mean((low <= truth) & (truth <= high)) >= 0.92
    # A share of so many images alone has up to two thirds of that.
    assert np.mean(high - low) < 3 / np.sqrt(classes * count)
