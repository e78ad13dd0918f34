"""LogME is the maximum evidence, as slow direct maximisation finds it."""

import numpy as np
import pytest
from scipy.optimize import minimize

from featx.evaluation.logme import logme


def drawn(n, d, n_classes, *, distance, seed=0):
    """Return rows whose first features tell the classes apart, and the classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d))
    X[:, :n_classes] += distance * np.eye(n_classes)[y]
    return 7 * X, y


def slow_logme(X, y):
    """Maximise the density of labels from N(0, 1 / beta + X X' / alpha) by search."""

    def minus_evidence(logs, target):
        alpha, beta = np.exp(logs)
        covariance = np.eye(len(X)) / beta + X @ X.T / alpha
        distance = target @ np.linalg.solve(covariance, target)
        return 0.5 * (distance + np.linalg.slogdet(2 * np.pi * covariance)[1])

    found = []
    for label in np.unique(y):
        target = (y == label).astype(float)
        search = minimize(
            minus_evidence, [7, 2], args=(target,), method="Nelder-Mead", tol=1e-7
        )
        found.append(-search.fun)
    return np.mean(found) / len(X)


@pytest.mark.parametrize(
    ("n", "d", "n_classes", "distance"),
    [(20, 5, 3, 1), (15, 30, 2, 1), (15, 15, 2, 0.1), (20, 8, 3, 3)],
)
def test_it_is_the_maximum_evidence(n, d, n_classes, distance):
    X, y = drawn(n, d, n_classes, distance=distance)
    assert logme(X, y) == pytest.approx(slow_logme(X, y), abs=1e-6)


def test_scale_rotation_and_names_of_classes_do_not_matter():
    X, y = drawn(50, 8, 3, distance=1)
    expected = logme(X, y)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    assert logme(1e-3 * X, y) == pytest.approx(expected)
    assert logme(X @ rotation, y) == pytest.approx(expected)
    assert logme(X, 5 - 2 * y) == pytest.approx(expected)
    assert logme(X.astype(np.float32), y) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("d", [10, 300])
def test_rows_that_tell_more_have_more_evidence(d):
    found = [logme(*drawn(100, d, 3, distance=one)) for one in (0, 1, 2, 4)]
    assert found == sorted(found)
    assert len(set(found)) == 4


def test_more_features_that_tell_nothing_gain_nothing():
    X, y = drawn(60, 10, 3, distance=2)
    noise = 7 * np.random.default_rng(1).normal(size=(60, 500))
    assert logme(np.hstack([X, noise]), y) < logme(X, y)


def test_rows_that_are_all_the_same_or_hold_the_answer_are_no_trouble():
    y = np.repeat([0, 1, 2], 10)
    nothing = logme(np.zeros((30, 4)), y)
    assert nothing == pytest.approx(logme(np.zeros((30, 90)), y))
    answer = np.eye(3)[y]
    assert np.isfinite(logme(answer, y))
    assert logme(answer, y) > nothing
