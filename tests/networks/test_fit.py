"""Training: reproducible, watched, bounded, and honest about failure."""

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from featx.errors import NetworkError
from featx.networks.build import build_network, measure_channels
from featx.networks.data import TrainingData
from featx.networks.fit import NetworkTraining
from featx.networks.settings import NetworkSettings
from featx.training.augmentation import find_augmentation
from featx.training.batches import Samples
from featx.training.log import as_history
from featx.training.predict import predict
from featx.training.train import Training

SIDE = 16
LOADED = """
import sys
import keras, numpy as np
assert "featx" not in sys.modules
model = keras.models.load_model("model.keras")  # safe mode is on
np.save("loaded.npy", model.predict(np.load("images.npy"), verbose=0))
"""


def colours(count=60):
    """Return images of two classes: reddish and bluish."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    pixels = rng.integers(0, 120, (count, SIDE, SIDE, 3))
    pixels[labels == 0, ..., 0] += 100
    pixels[labels == 1, ..., 2] += 100
    return Samples((pixels.astype(np.uint8),), np.arange(count), labels)


def data(count=60, pixels=None):
    """Return the images as training data of two classes, none of them copies."""
    samples = colours(count)
    images = SimpleNamespace(classes=("red", "blue"), labels=samples.labels)
    rows = np.arange(count)
    split = SimpleNamespace(images=images, groups=rows, train=rows, test=rows[:0])
    return TrainingData(split, samples.inputs[0] if pixels is None else pixels, 0.0)


def settings(name="basenet", **options):
    options = {"image_size": SIDE, "augment": "none", **options}
    return NetworkSettings(name=name, **options)


def quick(**options):
    """Settings of trainings of which only one thing matters: SGD's graph is small."""
    return settings(optimizer="sgd", **options)


def train(data, wanted, folder=None, *, rows=None, seed=0, **options):
    training = NetworkTraining(data, wanted)
    rows = data.split.train if rows is None else rows
    with contextlib.ExitStack() as stack:
        folder = folder or stack.enter_context(tempfile.TemporaryDirectory())
        return training.train(rows, Path(folder), seed=seed, **options)


def test_weights_that_the_last_step_spoilt_are_reported(tmp_path):
    # One step per epoch: its own loss is that of the weights before.
    wild = settings(epochs=1, learning_rate=1e38, validation=0.2)
    with pytest.raises(NetworkError, match="basenet: the loss became NaN or infinite"):
        train(data(), wild, tmp_path)


def test_it_learns_and_reports():
    told, images = [], data()
    wanted = settings(epochs=6, batch_size=16, learning_rate=1e-2, validation=0.2)
    trained = train(images, wanted, on_epoch=told.append)
    assert told == [0, 1, 2, 3, 4, 5, 6]
    history = as_history(trained.log.rows)
    assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["epoch"] == told[1:]
    assert history["val_accuracy"][-1] == 1.0
    assert history["loss"][-1] < history["loss"][0]
    assert len(trained.held_out) == 12
    np.testing.assert_allclose(trained.probabilities.sum(axis=1), 1, rtol=1e-12)
    found = trained.probabilities.argmax(axis=1)
    assert (found == images.labels[trained.held_out]).all()


@pytest.mark.parametrize(
    "monitor", ["loss", pytest.param("accuracy", marks=pytest.mark.slow)]
)
def test_the_best_epoch_is_kept_and_calibrated(monitor, tmp_path):
    """Labels at random are learned by heart: the held-out loss rises soon."""
    images = data()
    images.split.images.labels = np.random.default_rng(0).integers(0, 2, 60)
    wanted = settings(
        epochs=20,
        batch_size=8,
        learning_rate=1e-2,
        patience=4,
        monitor=monitor,
        validation=0.4,
    )
    trained = train(images, wanted, tmp_path)
    history = as_history(trained.log.rows)
    values = history[f"val_{monitor}"]
    best = int(np.argmin(values) if monitor == "loss" else np.argmax(values))
    assert trained.best_epoch == best + 1 <= len(values) - 4
    labels = images.labels[trained.held_out]
    hits = trained.probabilities.argmax(axis=1) == labels
    assert hits.mean() == pytest.approx(history["val_accuracy"][best])
    right = trained.probabilities[np.arange(len(labels)), labels]
    # A temperature of its own makes the loss there no larger.
    assert -np.log(right).mean() <= history["val_loss"][best] + 1e-6
    again = train(images, wanted, tmp_path)
    assert again.log.rows == trained.log.rows
    np.testing.assert_allclose(again.probabilities, trained.probabilities)


def test_rare_classes_can_count_as_much_as_others(monkeypatch):
    fed = []
    monkeypatch.setattr(Training, "validated", _taking(fed))
    images = data()
    images.split.train = np.flatnonzero((images.labels == 0) | (np.arange(60) < 20))
    wanted = settings(class_weight="balanced", label_smoothing=0.2, epochs=1)
    with pytest.raises(StopIteration):
        train(images, wanted)
    ((batches, validation),) = fed
    for some, smoothing in ((batches, 0.2), (validation, 0)):
        labels, weight = some.samples.labels, some.samples.weight
        assert some.smoothing == smoothing
        sums = np.bincount(labels, weight)
        assert sums[0] == pytest.approx(sums[1])


def _taking(fed):
    def validated(self, model, batches, validation, **_):
        fed.append((batches, validation))
        raise StopIteration

    return validated


@pytest.mark.parametrize("part", ["l1", "l2"])
def test_penalties_choose_no_epoch(part, tmp_path):
    wanted = quick(epochs=1, **{part: 1.0})
    trained = train(data(), wanted)
    # The penalty alone is larger.
    assert trained.log.rows[0]["val_loss"] < 2
    assert "val_cross_entropy" not in trained.log.rows[0]


def test_mixed_precision_leaves_a_model_in_float32():
    trained = train(data(), quick(epochs=1, mixed_precision=True))
    assert {layer.dtype_policy.name for layer in trained.model.layers} == {"float32"}
    assert trained.log.rows[0]["loss"] > 0
    assert trained.pretraining is None
    assert list(trained.timings) == ["fit"]


def test_pixels_in_a_file_and_no_held_out_part(tmp_path):
    pixels = data(20).pixels
    stored = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=pixels.shape)
    stored[:] = pixels
    in_file = data(20, stored)
    in_file.split.groups = in_file.labels  # all of a class are copies
    trained = train(in_file, quick(epochs=2), tmp_path / "state")
    assert list(as_history(trained.log.rows)) == ["epoch", "loss", "accuracy"]
    assert (trained.best_epoch, len(trained.held_out)) == (None, 0)
    rows = np.array([7, 3, 11])
    np.testing.assert_allclose(
        NetworkTraining(in_file, settings(batch_size=2)).predict(trained.model, rows),
        trained.model(pixels[rows]).numpy(),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "name", ["basenet", pytest.param("basenet++", marks=pytest.mark.slow)]
)
def test_the_same_seed_trains_the_same_network(name):
    def answers(seed):
        return train(images, wanted, seed=seed).probabilities

    images = data(24)
    wanted = settings(name, epochs=1, batch_size=8, augment="coursework")
    np.testing.assert_array_equal(answers(1), answers(1))


@pytest.mark.slow
def test_what_was_interrupted_ends_the_same(tmp_path):
    def stop(epochs):
        if epochs == 2:
            raise KeyboardInterrupt

    images, told = data(24), []
    wanted = settings(epochs=3, batch_size=8, augment="medium,mixup,cutmix")
    whole = train(images, wanted, seed=5)
    curves = as_history(whole.log.rows)
    with pytest.raises(KeyboardInterrupt):
        train(images, wanted, tmp_path, seed=5, on_epoch=stop)
    for _ in range(2):  # and then nothing is left to do
        other = train(images, wanted, tmp_path, seed=5, on_epoch=told.append)
        for name, curve in as_history(other.log.rows).items():
            np.testing.assert_allclose(curves[name], curve, rtol=1e-5)
        weights = zip(other.model.weights, whole.model.weights, strict=True)
        for found, expected in weights:
            np.testing.assert_allclose(found, expected, atol=1e-5)
    assert told == [2, 3, 3]


def test_a_damaged_state_starts_over(tmp_path):
    images, wanted, told = data(24), quick(epochs=2), []
    train(images, wanted, tmp_path)
    (kept,) = tmp_path.glob("epoch-2.npz")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 64
    kept.write_bytes(content)
    train(images, wanted, tmp_path, on_epoch=told.append)
    assert told == [0, 1, 2]


def test_what_killed_trainings_left_is_removed(tmp_path):
    (tmp_path / ".aside-a.npz").write_bytes(b"half")
    train(data(24), quick(epochs=1), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-1.npz", "epochs.json"]


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(NetworkError, match=r"weights of epoch 1 \(No space left on"):
        train(data(24), quick(epochs=2), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_diverging_training_is_reported():
    wild = settings(epochs=9, batch_size=4, learning_rate=1e30)
    with pytest.raises(NetworkError, match=r"after epoch \d+; lower --learn"):
        train(data(), wild)


def test_too_little_memory_is_reported(monkeypatch):
    import keras
    import tensorflow as tf

    def exhausted(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(keras.Model, "fit", exhausted)
    with pytest.raises(NetworkError, match="out of memory; lower --batch-size"):
        train(data(), settings(epochs=1))


@pytest.mark.slow
def test_the_model_is_whole(tmp_path):
    """Plain Keras loads it, in a process of its own and without featx."""
    images = colours(20)
    model = build_network(
        settings("basenet++").network,
        2,
        channels=measure_channels(images.inputs[0], np.arange(20)),
        augmentation=find_augmentation("coursework"),
    )
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images.inputs[0])
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(
        np.load(tmp_path / "loaded.npy"),
        predict(model, images, batch_size=8),
        atol=1e-6,
    )
