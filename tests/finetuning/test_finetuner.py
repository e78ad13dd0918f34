"""Training a joined model: it goes on after a kill, and ends with the same weights."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from featx.errors import NetworkError
from featx.finetuning.inputs import compute_frozen_outputs, flipped
from featx.finetuning.joined_model import join
from featx.finetuning.settings import FinetuneSettings
from featx.training.augmentation import find_augmentation
from featx.training.augmentation_layers import Mixing
from featx.training.batches import Batches, Samples
from featx.training.optimizers import layer_rates
from featx.training.predict import predict
from featx.training.schedule import best_epoch
from featx.training.train import Training
from tests.finetuning.conftest import CLASSES, SIDE, embed, fit

SETTINGS = FinetuneSettings(
    choose="epoch",
    epochs=4,
    learning_rate=1e-2,
    patience=4,
    batch_size=8,
    backbone_rate=1,
    depth_decay=1,
)


@pytest.fixture(scope="module")
def built(extractor, pixels, labels):
    """A joined model, and the weights that it has before any training."""
    head = fit("lda", embed([extractor], {SIDE: pixels}), labels).head
    # A head that is not perfect yet has something to learn.
    head.coef_ = head.coef_ * 0.01
    joined = join([extractor], head.to_keras, unfrozen="conv_dw_13")
    return joined, weights(joined)


@pytest.fixture
def joined(built):
    joined, start = built
    joined.model.set_weights(start)
    return joined


@pytest.fixture
def samples(pixels, labels):
    rows = np.arange(len(labels))
    return Samples((pixels,), rows, labels, np.ones(len(rows)))


def batches(samples, **options):
    return Batches(samples, 8, CLASSES, **options)


def train_validated(joined, model, fed, validation, wanted, folder, **options):
    training = Training(joined.trainee(wanted), wanted, folder, **options)
    return training.validated(model, fed, validation)


def train_at_rates(joined, model, fed, rates, wanted, folder):
    return Training(joined.trainee(wanted), wanted, folder).at_rates(model, fed, rates)


def weights(joined):
    return [weight.numpy() for weight in joined.model.weights]


@pytest.mark.slow
def test_what_was_interrupted_ends_the_same(joined, samples, tmp_path):
    start = weights(joined)
    model = joined.view
    fed = batches(samples)
    whole = train_validated(joined, model, fed, fed, SETTINGS, tmp_path / "whole")
    assert len(whole.rows) == 4
    assert best_epoch(SETTINGS, whole.validation("loss")) > 0
    expected = weights(joined)

    def stop(epochs):
        if epochs == 2:
            raise KeyboardInterrupt

    joined.model.set_weights(start)
    words = (joined, model, fed, fed, SETTINGS, tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        train_validated(*words, on_epoch=stop)
    joined.model.set_weights(start)
    gone_on = train_validated(*words)
    losses = [[row["loss"] for row in log.rows] for log in (whole, gone_on)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for found, wanted in zip(weights(joined), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    # Nothing is left to do.
    again = train_validated(*words)
    assert again.rows == gone_on.rows


@pytest.mark.slow
def test_what_is_drawn_is_drawn_again_after_a_kill(extractor, samples, tmp_path):
    views = embed([extractor], {SIDE: samples.inputs[0]})
    head = fit("mlp", views, samples.labels, epochs=3, hidden="32,bn,dropout0.5").head
    joined = join([extractor], head.to_keras, seed=3)
    statistics = [w for w in joined.head.weights if "moving" in w.path]
    before = [weight.numpy() for weight in statistics]
    start = weights(joined)
    settings = SETTINGS.model_copy(update={"epochs": 3, "patience": 3})
    augmentation = find_augmentation("mixup,cutmix")
    logs = []
    for folder, killed in (("whole", 9), ("cut", 1), ("cut", 9)):

        def stop(epochs, killed=killed):
            if epochs == killed:
                raise KeyboardInterrupt

        joined.model.set_weights(start)
        fed = batches(samples, seed=1, mixing=Mixing(augmentation, 0))
        words = (joined, joined.view, fed, batches(samples), settings)
        with contextlib.suppress(KeyboardInterrupt):
            logs.append(train_validated(*words, tmp_path / folder, on_epoch=stop))
    whole, gone_on = ([row["loss"] for row in log.rows] for log in logs)
    np.testing.assert_allclose(whole, gone_on, rtol=1e-5)
    # Batch norm stays in inference mode in the head, too.
    for weight, value in zip(statistics, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_mixed_images_count_as_much_as_their_classes(samples):
    weight = np.array([1.0, 2.0, 5.0])
    weighted = replace(samples, weight=weight[samples.labels])
    mixed = batches(weighted, mixing=Mixing(find_augmentation("mixup1"), 0))
    for _, labels, counted in mixed.dataset().as_numpy_iterator():
        np.testing.assert_allclose(counted, labels @ weight, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["epochs.json", "epoch-4.npz"])
def test_a_damaged_state_starts_over(joined, samples, tmp_path, damage):
    fed = batches(samples)
    words = (joined, joined.view, fed, fed, SETTINGS, tmp_path)
    train_validated(*words)
    (tmp_path / damage).unlink()
    assert len(train_validated(*words).rows) == 4


@pytest.mark.slow
def test_softmax_is_given_back(joined, samples, tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    fed = batches(samples)
    words = (joined, joined.view, fed, fed, SETTINGS, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train_validated(*words, on_epoch=stop)
    found = joined.model.predict(samples.inputs[0], verbose=0)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found >= 0).all()


def test_the_pace_is_told_once(joined, samples, tmp_path):
    told = []
    settings = SETTINGS.model_copy(update={"epochs": 2})
    fed = batches(samples)
    words = (joined, joined.view, fed, fed, settings, tmp_path)
    train_validated(*words, on_pace=told.append)
    (seconds,) = told  # of three steps, the first one isn't measured
    assert 0 < seconds < 60


def test_frozen_outputs_train_as_images_do(joined, samples, tmp_path):
    start = weights(joined)
    rates = [1e-3, 1e-4]
    fed = batches(samples)
    train_at_rates(joined, joined.view, fed, rates, SETTINGS, tmp_path / "plain")
    plain = predict(joined.model, samples, batch_size=8)
    joined.model.set_weights(start)
    outputs = compute_frozen_outputs(
        joined.backbones, samples, [None], tmp_path, batch_size=5
    )
    assert outputs.seconds > 0
    train_at_rates(
        joined,
        joined.above,
        batches(outputs.samples(samples)),
        rates,
        SETTINGS,
        tmp_path / "frozen",
    )
    found = predict(joined.model, samples, batch_size=8)
    # The frozen layers run layer by layer first, and training amplifies rounding.
    np.testing.assert_allclose(found, plain, atol=1e-3)


def test_changes_come_one_after_the_other(joined, samples, tmp_path):
    outputs = compute_frozen_outputs(
        joined.backbones, samples, [None, flipped], tmp_path, batch_size=7
    )
    (maps,) = outputs.samples(samples).take(slice(None))
    (pixels,) = samples.inputs
    expected = joined.backbones.below.predict_on_batch(pixels[:, :, ::-1])
    np.testing.assert_allclose(maps[len(samples) :], expected, atol=1e-5)
    some = replace(
        samples,
        rows=samples.rows[[5, 2]],
        labels=samples.labels[[5, 2]],
        weight=samples.weight[[5, 2]],
    )
    chosen = outputs.samples(some)
    np.testing.assert_array_equal(
        chosen.take(slice(2, 4))[0], maps[len(samples) :][[5, 2]]
    )
    np.testing.assert_array_equal(chosen.labels, np.tile(samples.labels[[5, 2]], 2))
    assert len(outputs.samples(some, turns=1)) == 2


def test_a_loss_that_became_nan_is_reported(joined, samples, tmp_path):
    wild = SETTINGS.model_copy(update={"learning_rate": 1e38})
    fed = batches(samples)
    with pytest.raises(NetworkError, match=r"became NaN.*lower --learning-rate"):
        train_validated(joined, joined.view, fed, fed, wild, tmp_path)


def test_rows_of_no_weight_teach_nothing(joined, samples, tmp_path):
    start = weights(joined)
    nothing = Samples(samples.inputs, samples.rows, samples.labels, 0 * samples.weight)
    train_at_rates(joined, joined.view, batches(nothing), [1e-2], SETTINGS, tmp_path)
    for found, wanted in zip(weights(joined), start, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_each_layer_has_its_rate(joined, samples, tmp_path):
    start = {weight.path: weight.numpy() for weight in joined.model.weights}
    rates = layer_rates(joined.backbones.bases, backbone_rate=0.5, depth_decay=1e-12)
    assert max(rates.values()) == pytest.approx(0.5)
    assert min(rates.values()) == pytest.approx(0.5e-12)
    settings = FinetuneSettings(
        optimizer="adam", weight_decay=0, backbone_rate=0.5, depth_decay=1e-12
    )
    train_at_rates(joined, joined.view, batches(samples), [1e-2], settings, tmp_path)
    moved = {
        weight.path: np.abs(weight.numpy() - start[weight.path]).max()
        for weight in joined.model.weights
    }
    trainable = {id(weight): weight.path for weight in joined.model.trainable_weights}
    still = [moved[trainable[key]] for key, rate in rates.items() if rate < 1e-6]
    lively = [moved[trainable[key]] for key, rate in rates.items() if rate > 0.1]
    assert max(still) < 1e-6 < min(lively)
    untrained = set(start) - set(trainable.values())
    assert all(moved[path] == 0 for path in untrained)
