"""Pre-training: which weights come of it, from which images, and when interrupted."""

from dataclasses import replace

import numpy as np
import pytest

from featx.errors import NetworkError
from featx.networks.autoencoder import build_autoencoder, pretrain
from featx.networks.build import build_network, measure_channels
from featx.networks.fit import NetworkTraining
from featx.networks.table import NETWORKS, find_network
from featx.training.train import Training
from tests.networks.test_build import CHANNELS
from tests.networks.test_fit import data, settings, train

PRETRAINED = {
    "pretrain": "autoencoder",
    "pretrain_epochs": 2,
    "batch_size": 8,
    "optimizer": "sgd",  # its graph is smaller than Adam's
}
NORMALISED = {**PRETRAINED, "parts": "batchnorm,augment", "augment": "coursework"}


def wanted(**options):
    return settings(**{"epochs": 1, **PRETRAINED, **options})


def learned(images, chosen, folder, rows=None, **options):
    """Pre-train alone, as `NetworkTraining` does."""
    train, held_out = rows or NetworkTraining(images, chosen)._hold_out(
        images.split.train, 0
    )
    return pretrain(
        images.pixels,
        (train, held_out),
        chosen,
        folder,
        channels=measure_channels(images.pixels, train),
        **{"seed": 0, **options},
    )


def assert_same(found, expected, **tolerance):
    assert list(found) == list(expected)
    for name in expected:
        for one, other in zip(found[name], expected[name], strict=True):
            np.testing.assert_allclose(one, other, **{"rtol": 0, **tolerance})


@pytest.mark.parametrize("size", [0, 5])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_decoder_gives_images_of_the_same_size(name, size):
    network = find_network(name)
    network = replace(network, image_size=network.least_size + size)
    found = build_autoencoder(network, channels=CHANNELS, seed=3)
    side = network.image_size
    images = np.random.default_rng(0).integers(0, 256, (2, side, side, 3))
    output = found.model(images.astype(np.uint8)).numpy()
    assert output.shape == images.shape
    assert output.min() >= 0
    assert output.max() <= 1
    assert found.reconstruct(images.astype(np.uint8)).dtype == np.uint8
    # The network would start with the same weights without pre-training.
    model = build_network(network, 3, channels=CHANNELS, seed=3)
    assert_same(
        found.weights, {n: model.get_layer(n).get_weights() for n in found.weights}
    )
    kernels = [name for name, weights in found.weights.items() if weights]
    assert len(kernels) == sum(
        bool(layer.weights) and "dense" not in layer.name for layer in model.layers[:-1]
    )


def test_the_decoder_mirrors_the_sizes():
    network = replace(find_network("residual"), image_size=160)
    model = build_autoencoder(network, channels=CHANNELS).model
    decoder = [layer.output.shape[1:] for layer in model.layers][-10:]
    assert decoder[:3] == [(10, 10, 128)] * 3
    assert decoder[3:6] == [(40, 40, 64)] * 3
    assert decoder[6:] == [*[(160, 160, 32)] * 3, (160, 160, 3)]


@pytest.mark.parametrize("chosen", [wanted(), wanted(**NORMALISED)])
def test_the_classifier_starts_with_the_weights_of_the_encoder(
    chosen, tmp_path, monkeypatch
):
    images, started = data(), []
    expected = learned(images, chosen, tmp_path / "alone")
    whole = Training.validated

    def validated(self, model, *batches, **options):
        started.append({layer.name: layer.get_weights() for layer in model.layers})
        return whole(self, model, *batches, **options)

    monkeypatch.setattr(Training, "validated", validated)
    trained = train(images, chosen)
    _, classifier = started
    assert_same({name: classifier[name] for name in expected.weights}, expected.weights)
    assert_same(trained.pretraining.weights, expected.weights)
    untrained = build_network(chosen.network, 2, channels=CHANNELS)
    assert (classifier["conv2d"][0] != untrained.get_layer("conv2d").kernel).any()
    if chosen.parts:  # mean and variance, which no label has changed yet
        assert (expected.weights["batch_normalization"][2] != 0).any()


def test_the_loss_falls_and_images_are_shown(tmp_path):
    images, told = data(), []
    chosen = wanted(pretrain_epochs=8, learning_rate=1e-2)
    found = learned(images, chosen, tmp_path, on_epoch=told.append)
    assert told == list(range(9))
    assert list(found.history) == ["epoch", "loss", "val_loss"]
    assert found.history["val_loss"][-1] < found.history["val_loss"][0]
    assert found.reconstructions.shape == (6, 16, 16, 3)
    _, held_out = NetworkTraining(images, chosen)._hold_out(images.split.train, 0)
    assert set(found.shown) <= set(held_out)
    # The model is that of the best epoch.
    shown = found.reconstructions / 255 - images.pixels[found.shown] / 255
    assert len(held_out) == len(found.shown)
    assert (shown**2).mean() == pytest.approx(
        min(found.history["val_loss"]), rel=0.02, abs=1e-4
    )


def test_nothing_held_out(tmp_path):
    images = data(20)
    rows = (images.split.train, images.split.train[:0])
    found = learned(images, wanted(schedule="cosine"), tmp_path, rows)
    assert list(found.history) == ["epoch", "loss", "learning_rate"]
    assert len(found.shown) == 8


def test_only_the_rows_that_are_given_are_used():
    """Neither test images nor, in cross-validation, those of the fold held out."""
    images = data()
    rows = np.arange(40)
    one = train(images, wanted(), rows=rows).pretraining
    images.pixels[40:] = 0
    other = train(images, wanted(), rows=rows).pretraining
    assert_same(one.weights, other.weights)
    assert one.log.rows[0]["val_loss"] == other.log.rows[0]["val_loss"]
    assert max(one.shown) < 40


def test_watching_accuracy_or_large_steps_is_for_the_classifier_only(tmp_path):
    chosen = wanted(monitor="accuracy", min_delta=0.1, patience=1, pretrain_epochs=3)
    assert len(learned(data(), chosen, tmp_path).log.rows) == 3


def test_the_same_seed_gives_the_same(tmp_path):
    images = data(24)
    one, same = (train(images, wanted(), seed=1) for _ in range(2))
    assert_same(one.pretraining.weights, same.pretraining.weights)
    np.testing.assert_array_equal(one.probabilities, same.probabilities)
    other = learned(images, wanted(), tmp_path, seed=2)
    kernels = [
        weights["conv2d"][0] for weights in (one.pretraining.weights, other.weights)
    ]
    assert (kernels[0] != kernels[1]).any()


def test_mixed_precision():
    trained = train(data(24), wanted(mixed_precision=True))
    assert trained.pretraining.log.rows[0]["loss"] > 0
    assert list(trained.timings) == ["pretraining", "fit"]


def test_a_diverging_pretraining_is_reported():
    wild = wanted(learning_rate=1e30, pretrain_epochs=9, parts="augment")
    with pytest.raises(NetworkError, match=r"basenet: pre-training: .*lower --learn"):
        train(data(), wild)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["on_pretraining", "on_epoch"])
def test_what_was_interrupted_ends_the_same(step, tmp_path):
    def stop(epochs):
        if epochs == 2:
            raise KeyboardInterrupt

    images, told, chosen = data(24), [], wanted(**NORMALISED, epochs=3)
    chosen = chosen.model_copy(update={"pretrain_epochs": 3})
    whole = train(images, chosen, seed=5)
    with pytest.raises(KeyboardInterrupt):
        train(images, chosen, tmp_path, seed=5, **{step: stop})
    other = train(images, chosen, tmp_path, seed=5, **{step: told.append})
    assert told == [2, 3]
    assert_same(other.pretraining.weights, whole.pretraining.weights, atol=1e-5)
    for found, expected in zip(other.model.weights, whole.model.weights, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
