"""Training curves of any length, with phases and learning rates."""

import numpy as np
import pytest

from featx.figures.style import png
from featx.figures.training_curves import (
    best_epoch,
    curves_figure,
    reconstruction_figure,
)
from tests.figures.conftest import assert_readable, texts


def test_best_epoch_has_the_least_validation_loss():
    history = {
        "epoch": np.array([1.0, 2.0, 3.0]),
        "val_loss": np.array([np.nan, 0.5, 0.6]),
        "val_accuracy": np.array([0.1, 0.2, 0.3]),
    }
    assert best_epoch(history) == 1
    assert best_epoch({"epoch": np.array([1.0])}) is None
    history["val_loss"] = np.full(3, np.nan)
    assert best_epoch(history) is None


@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_curves_of_any_length_are_drawn(epochs):
    epoch = np.arange(1.0, epochs + 1)
    history = {"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 0.5 / epoch}
    assert_readable(png(curves_figure(history, "run")))
    history |= {"val_loss": 2 / epoch, "val_accuracy": 1 - 0.6 / epoch}
    figure = curves_figure(history, "run")
    assert f"best epoch: {epochs}" in texts(figure)
    assert_readable(png(figure))


@pytest.mark.parametrize("warmup", [0, 1, 4, 8])
def test_curves_with_phases_and_rates(make_finetuned, warmup):
    run = make_finetuned(warmup=warmup, found={"epochs": min(3, 8 - warmup)})
    figure = curves_figure(run.history(), "run", chosen=warmup, before=0.7)
    assert_readable(png(figure))
    said = texts(figure)
    assert ("warm-up: the head alone" in said) is bool(warmup)
    assert (f"chosen epoch: {warmup}" in said) is bool(warmup)
    assert "best epoch" not in " ".join(said)
    assert "validation, before" in said
    left, right, rates = figure.axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy")
    assert rates.get_ylabel() == "learning rate"
    assert rates.get_yscale() == "log"


def test_other_curves_are_as_before(make_run):
    figure = curves_figure(make_run(epochs=4).history(), "run")
    assert len(figure.axes) == 2
    assert "warm-up: the head alone" not in texts(figure)
    assert "validation, before" not in texts(figure)


def test_rates_of_zero_are_drawn():
    epoch = np.arange(1.0, 4.0)
    for rate in (np.zeros(3), np.array([1e-3, 1e-5, 0.0])):
        history = {"epoch": epoch, "loss": 1 / epoch, "learning_rate": rate}
        low, high = curves_figure(history, "run").axes[2].get_ylim()
        assert low < high


@pytest.mark.parametrize("epochs", [1, 40])
def test_the_loss_of_an_autoencoder(epochs):
    epoch = np.arange(1.0, epochs + 1)
    history = {"epoch": epoch, "loss": 0.1 / epoch}
    figure = reconstruction_figure(history, "run")
    assert_readable(png(figure))
    assert len(figure.axes) == 1
    assert "validation" not in texts(figure)
    history |= {"val_loss": 0.2 / epoch, "learning_rate": 1e-3 / epoch}
    figure = reconstruction_figure(history, "run")
    assert_readable(png(figure))
    assert f"best epoch: {epochs}" in texts(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "mean squared error",
        "learning rate",
    ]
    history["val_loss"] = np.full(epochs, np.nan)
    assert "best epoch" not in " ".join(texts(reconstruction_figure(history, "run")))
