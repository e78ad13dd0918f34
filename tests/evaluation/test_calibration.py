"""Confidence against accuracy, and the temperature that brings them together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from featx.evaluation.calibration import fit_temperature, reliability


def test_reliability_counts_each_image_once():
    confidence = np.array([0.0, 0.05, 0.95, 1.0])
    bins = reliability(confidence, np.array([False, True, True, True]))
    assert bins.count.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins.accuracy[0] == 0.5
    assert bins.confidence[9] == pytest.approx(0.975)
    assert np.isnan(bins.accuracy[5])
    assert bins.error == pytest.approx((2 * 0.475 + 2 * 0.025) / 4)
    assert (bins.low[[0, 9]] < bins.accuracy[[0, 9]]).all()
    assert bins.high[9] <= 1 + 1e-12


def test_wilson_interval_of_eight_in_ten():
    bins = reliability(np.full(10, 0.85), np.arange(10) < 8)
    assert bins.low[8] == pytest.approx(0.490, abs=0.001)
    assert bins.high[8] == pytest.approx(0.943, abs=0.001)


class _Scores(ClassifierMixin, BaseEstimator):
    """A classifier whose scores are its input."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X[:, 1] - X[:, 0] if len(self.classes_) == 2 else X

    def predict(self, X):
        return X.argmax(axis=1)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("factor", [0.01, 1, 300])
def test_temperature_is_scikit_learns(n_classes, factor):
    rng = np.random.default_rng(n_classes)
    y = np.r_[np.arange(n_classes), rng.integers(0, n_classes, 300)]
    logits = rng.normal(size=(len(y), n_classes))
    logits[np.arange(len(y)), y] += 1.5
    logits *= factor
    theirs = CalibratedClassifierCV(
        FrozenEstimator(_Scores().fit(logits, y)), method="temperature"
    ).fit(logits, y)
    found = softmax(logits / fit_temperature(logits[:, None], y), axis=1)
    np.testing.assert_allclose(found, theirs.predict_proba(logits), atol=1e-4)


@given(st.integers(0, 2**31), st.floats(0.1, 50), st.integers(2, 6))
def test_temperature_is_a_minimum(seed, factor, n_classes):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, 60)
    logits = rng.normal(size=(60, n_classes))
    logits[np.arange(60), y] += 1
    logits *= factor
    weight = rng.uniform(0.5, 2, 60)
    found = fit_temperature(logits[:, None], y, weight)

    def loss(temperature):
        p = softmax(logits / temperature, axis=1)
        return log_loss(y, p, labels=np.arange(n_classes), sample_weight=weight)

    assert loss(found) <= min(loss(found * 0.9), loss(found * 1.1)) + 1e-9


@pytest.mark.parametrize("n", [4, 50, 2000])
@pytest.mark.parametrize("factor", [1e-6, 1, 1e4])
def test_rows_that_are_all_right_vouch_for_no_more_than_their_number(n, factor):
    y = np.arange(n) % 2
    logits = np.eye(2)[y] * factor * np.linspace(1, 2, n)[:, None]
    temperature = fit_temperature(logits[:, None], y)
    confidence = softmax(logits / temperature, axis=1).max(axis=1).mean()
    assert confidence == pytest.approx((n + 1) / (n + 2), abs=1e-6)


def test_scores_that_say_nothing_get_any_temperature():
    y = np.arange(10) % 2
    assert np.isfinite(fit_temperature(np.zeros((10, 1, 2)), y))


def test_a_class_that_no_classifier_knew_is_left_out():
    y = np.array([0, 1, 2, 0, 1])
    logits = np.tile([2.0, 1.0, -np.inf], (5, 1))
    known = y < 2
    found = fit_temperature(logits[:, None], y)
    assert found == fit_temperature(logits[known, None, :2], y[known])
    assert fit_temperature(logits[2:3, None], y[2:3]) == 1


def test_the_temperature_is_that_of_the_mean_over_views():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    logits = 5 * rng.normal(size=(200, 2, 3))
    logits[np.arange(200), :, y] += 4
    found = fit_temperature(logits, y)

    def loss(temperature):
        p = softmax(logits / temperature, axis=2).mean(axis=1)
        return log_loss(y, p, labels=np.arange(3))

    assert loss(found) <= min(loss(found * 0.95), loss(found * 1.05)) + 1e-9


def test_of_very_many_scores_every_so_many_images_count(monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 4000)
    logits = 4 * rng.normal(size=(4000, 1, 3)).astype(np.float32)
    logits[np.arange(4000), 0, y] += 3
    whole = fit_temperature(logits, y)
    monkeypatch.setattr("featx.evaluation.calibration.ENOUGH", 6000)
    part = fit_temperature(logits, y)
    assert part == fit_temperature(logits[::2], y[::2])
    assert part != whole
    assert part == pytest.approx(whole, rel=0.1)
