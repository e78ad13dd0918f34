"""Training: reproducible, watched, bounded, and honest about failure."""

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from featx.errors import NetworkError
from featx.networks.build import build_network, measure_channels
from featx.networks.fit import train_once
from featx.networks.settings import NetworkSettings
from featx.networks.table import find_network
from featx.training.batches import Samples
from featx.training.log import as_history
from featx.training.predict import predict

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


def take(images, rows):
    return Samples(images.inputs, images.rows[rows], images.labels[rows])


def settings(**options):
    return NetworkSettings(name="basenet", **options)


def train(
    images,
    wanted,
    *,
    held_out=(),
    name="basenet",
    seed=0,
    augment=True,
    folder=None,
    **options,
):
    rows = np.setdiff1d(np.arange(len(images.labels)), held_out)
    model = build_network(
        find_network(name),
        SIDE,
        2,
        channels=measure_channels(images.inputs[0], rows),
        augment=augment,
        seed=seed,
    )
    held_out = np.array(held_out, dtype=np.intp)
    with contextlib.ExitStack() as stack:
        folder = folder or stack.enter_context(tempfile.TemporaryDirectory())
        log = train_once(
            model,
            take(images, rows),
            take(images, held_out),
            wanted,
            Path(folder),
            seed=seed,
            **options,
        )
    return model, as_history(log.rows)


def test_it_learns_and_reports():
    told = []
    images, held_out = colours(), np.arange(12)
    model, history = train(
        images,
        settings(epochs=6, batch_size=16, learning_rate=3e-3),
        held_out=held_out,
        augment=False,
        on_epoch=told.append,
    )
    assert told == [0, 1, 2, 3, 4, 5, 6]
    assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["epoch"] == told[1:]
    assert history["val_accuracy"][-1] == 1.0
    assert history["loss"][-1] < history["loss"][0]
    probabilities = predict(model, take(images, held_out), batch_size=5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (probabilities.argmax(axis=1) == images.labels[held_out]).all()


def test_pixels_in_a_file_and_no_held_out_part(tmp_path):
    images = colours(20)
    (pixels,) = images.inputs
    stored = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=pixels.shape)
    stored[:] = pixels
    in_file = Samples((stored,), images.rows, images.labels)
    model, history = train(in_file, settings(epochs=1), augment=False)
    assert list(history) == ["epoch", "loss", "accuracy"]
    rows = np.array([7, 3, 11])
    np.testing.assert_allclose(
        predict(model, take(in_file, rows), batch_size=2),
        model(pixels[rows]).numpy(),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "name", ["basenet", pytest.param("basenet++", marks=pytest.mark.slow)]
)
def test_the_same_seed_trains_the_same_network(name):
    def answers(seed):
        model, _ = train(images, settings(epochs=1, batch_size=8), name=name, seed=seed)
        return predict(model, take(images, np.arange(6)), batch_size=8)

    images = colours(24)
    np.testing.assert_array_equal(answers(1), answers(1))


@pytest.mark.slow
def test_what_was_interrupted_ends_the_same(tmp_path):
    def stop(epochs):
        if epochs == 2:
            raise KeyboardInterrupt

    images, wanted = colours(24), settings(epochs=3, batch_size=8)
    held_out, told = np.arange(4), []
    words = {"held_out": held_out, "augment": True, "seed": 5}
    model, whole = train(images, wanted, **words)
    with pytest.raises(KeyboardInterrupt):
        train(images, wanted, **words, folder=tmp_path, on_epoch=stop)
    words |= {"folder": tmp_path, "on_epoch": told.append}
    for _ in range(2):  # and then nothing is left to do
        other, gone_on = train(images, wanted, **words)
        for name, curve in whole.items():
            np.testing.assert_allclose(gone_on[name], curve, rtol=1e-5)
        for found, expected in zip(other.weights, model.weights, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-5)
    assert told == [2, 3, 3]


def test_a_damaged_state_starts_over(tmp_path):
    images, wanted, told = colours(24), settings(epochs=2), []
    train(images, wanted, augment=False, folder=tmp_path)
    (kept,) = tmp_path.glob("epoch-2.npz")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 64
    kept.write_bytes(content)
    train(images, wanted, augment=False, folder=tmp_path, on_epoch=told.append)
    assert told == [0, 1, 2]


def test_what_killed_trainings_left_is_removed(tmp_path):
    (tmp_path / ".aside-a.npz").write_bytes(b"half")
    train(colours(24), settings(epochs=1), augment=False, folder=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-1.npz", "epochs.json"]


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(NetworkError, match=r"weights of epoch 1 \(No space left on"):
        train(colours(24), settings(epochs=2), augment=False, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_diverging_training_is_reported():
    wild = settings(epochs=9, batch_size=4, learning_rate=1e30)
    with pytest.raises(NetworkError, match=r"after epoch \d+; lower --learn"):
        train(colours(), wild, augment=False)


def test_too_little_memory_is_reported(monkeypatch):
    import keras
    import tensorflow as tf

    def exhausted(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(keras.Model, "fit", exhausted)
    with pytest.raises(NetworkError, match="out of memory; lower --batch-size"):
        train(colours(), settings(epochs=1), augment=False)


@pytest.mark.slow
def test_the_model_is_whole(tmp_path):
    """Plain Keras loads it, in a process of its own and without featx."""
    images = colours(20)
    model = build_network(
        find_network("basenet++"),
        SIDE,
        2,
        channels=measure_channels(images.inputs[0], np.arange(20)),
        augment=True,
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
