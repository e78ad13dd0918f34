"""Rates, stopping and the best epoch follow from the epochs so far, as Keras' do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.finetuning.settings import FinetuneSettings
from featx.frameworks import import_keras
from featx.training.schedule import best_epoch, is_over, learning_rate

LOSSES = st.lists(st.floats(0, 10, width=16), min_size=2, max_size=20)


@given(losses=LOSSES, patience=st.integers(1, 4), delta=st.sampled_from([0.0, 0.25]))
def test_plateaus_are_keras(losses, patience, delta):
    keras = import_keras()
    schedule = FinetuneSettings(
        choose="epoch",
        learning_rate=1e-2,
        schedule="plateau",
        factor=0.5,
        plateau_patience=patience,
        least_rate=1e-3,
        min_delta=delta,
    )
    model = keras.Sequential([keras.layers.Dense(1)])
    model.optimizer = keras.optimizers.SGD(1e-2)
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.5, patience=patience, min_lr=1e-3, min_delta=delta
    )
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        expected = float(model.optimizer.learning_rate)
        found = learning_rate(schedule, epoch, losses[: epoch + 1])
        assert found == pytest.approx(expected, rel=1e-6)


@given(losses=LOSSES, patience=st.integers(1, 4), delta=st.sampled_from([0.0, 0.25]))
def test_stopping_is_keras(losses, patience, delta):
    keras = import_keras()
    schedule = FinetuneSettings(choose="epoch", patience=patience, min_delta=delta)
    callback = keras.callbacks.EarlyStopping(
        "val_loss", patience=patience, min_delta=delta
    )
    model = keras.Sequential([keras.layers.Dense(1)])
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        assert is_over(schedule, losses[: epoch + 1]) == model.stop_training
        assert best_epoch(schedule, losses[: epoch + 1]) == callback.best_epoch
        if model.stop_training:
            break


def test_cosine_falls_from_the_rate_to_the_least():
    schedule = FinetuneSettings(epochs=10, learning_rate=1e-3, least_rate=1e-5)
    rates = [learning_rate(schedule, epoch, [1.0]) for epoch in range(11)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[5] == pytest.approx((1e-3 + 1e-5) / 2)
    assert rates[10] == pytest.approx(1e-5)
    assert rates == sorted(rates, reverse=True)


def test_nothing_better_than_the_start_is_no_epoch():
    assert best_epoch(FinetuneSettings(), [1.0, 1.2, 1.0]) == 0
    accuracy = FinetuneSettings(choose="epoch", monitor="accuracy")
    assert best_epoch(accuracy, [0.5, 0.4, 0.6, 0.6]) == 2
    demanding = FinetuneSettings(choose="epoch", monitor="accuracy", min_delta=0.2)
    assert best_epoch(demanding, [0.5, 0.6]) == 0
