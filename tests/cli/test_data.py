"""`featx data` writes a public data set as a folder of images."""

import json

import numpy as np

from featx.datasets import public_sets


def test_data(run, work, monkeypatch):
    def load_data():
        labels = np.arange(100).repeat(2)[:, None]
        pixels = np.arange(200 * 12).reshape(200, 2, 2, 3).astype(np.uint8)
        return (pixels, labels), (pixels[::2], labels[::2])

    import keras.datasets.cifar100

    monkeypatch.setattr(keras.datasets.cifar100, "load_data", load_data)
    done = run("data", "cifar100", "--classes", 25)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == (
        "data/cifar100: 50 training and 25 test images, 25 classes\n"
    )
    assert "writing cifar100: 75/75 images" in done.stderr
    words = ("data", "CIFAR100", "--per-class", 1, "--out", "c", "--json")
    written = json.loads(run(*words).stdout)
    assert (written["folder"], written["n_train"], written["n_test"]) == ("c", 100, 100)
    assert len(written["classes"]) == 100
    found = json.loads(run("inspect", "c", "--json").stdout)
    assert len(found["classes"]) == 100


def test_data_offline(run, work, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(work / "keras"))

    def offline():
        raise OSError("URL fetch failure on x: None -- no route to host")

    import keras.datasets.mnist

    monkeypatch.setattr(keras.datasets.mnist, "load_data", offline)
    done = run("data", "mnist")
    assert done.exit_code == 1
    assert done.stderr.startswith("featx: error: mnist is not on this machine")
    assert f"as {work}/keras/datasets/mnist.npz" in done.stderr
    assert public_sets.keras_home() == work / "keras"
