"""Intervals of mean losses: what errors that were not seen would cost is in them."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from featx.evaluation.losses import Losses, loss_intervals

LOSSES = {"log_loss": Losses.log_loss, "brier": Losses.brier}


def drawn(n, *, n_classes=3, scale=2.0, seed=0, temperature=1.0):
    """Return true classes, and the probabilities of a classifier for them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes)) + scale * np.eye(n_classes)[y]
    return y, softmax(scale * logits / temperature, axis=1)


def intervals(y, probabilities, copies=None, **options):
    copies = np.ones(len(y), int) if copies is None else copies
    measured = Losses(probabilities)
    return loss_intervals(y, measured, copies, LOSSES, seed=0, **options)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_losses_are_scikit_learns(n_classes):
    y, probabilities = drawn(50, n_classes=n_classes)
    losses, rows = Losses(probabilities), np.arange(50)
    assert losses.log_loss(rows, y).mean() == pytest.approx(log_loss(y, probabilities))
    assert losses.brier(rows, y).mean() == pytest.approx(
        brier_score_loss(y, probabilities, scale_by_half=False)
    )


def test_a_wide_one_where_no_error_was_seen():
    """Ten of ten right at 0.99: one error in eleven would cost 4.6 / 11."""
    y = np.zeros(10, int)
    probabilities = np.tile([0.99, 0.01], (10, 1))
    low, high = intervals(y, probabilities)["log_loss"]
    assert low == pytest.approx(-np.log(0.99))
    assert 0.4 < high < 2


def test_many_images_give_a_bootstraps():
    y, probabilities = drawn(3000, scale=1.5)
    low, high = intervals(y, probabilities)["log_loss"]
    values = -np.log(probabilities[np.arange(3000), y])
    half = 1.96 * values.std() / np.sqrt(3000)
    assert low == pytest.approx(values.mean() - half, rel=0.03)
    assert high == pytest.approx(values.mean() + half, rel=0.03)


@pytest.mark.parametrize("certain", [True, False])
def test_one_image(certain):
    probabilities = np.array([[1.0, 0.0]] if certain else [[0.6, 0.4]])
    for low, high in intervals(np.array([0]), probabilities).values():
        assert 0 <= low <= high < 40


def test_the_same_in_other_portions(monkeypatch):
    y, probabilities = drawn(60)
    once = intervals(y, probabilities)
    monkeypatch.setattr("featx.evaluation.intervals.AT_ONCE", 700)
    for name, ends in intervals(y, probabilities).items():
        assert ends == pytest.approx(once[name], rel=0.1)


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.6])
def test_intervals_contain_the_truth(temperature):
    """At an accuracy of 0.98 and 40 images, a bootstrap's do in half of the cases."""
    options = {"n_classes": 2, "scale": 2.9, "temperature": temperature}
    y, probabilities = drawn(200_000, seed=1, **options)
    losses, rows = Losses(probabilities), np.arange(len(y))
    truth = {name: loss(losses, rows, y).mean() for name, loss in LOSSES.items()}
    found = dict.fromkeys(LOSSES, 0)
    for seed in range(2, 102):
        some = intervals(*drawn(40, seed=seed, **options), resamples=200)
        for name, (low, high) in some.items():
            found[name] += low <= truth[name] <= high
    assert min(found.values()) >= 90
