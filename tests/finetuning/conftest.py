"""A small backbone with a head, and images to train it on."""

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.backbones.keras_model import build_model
from featx.frameworks import import_keras
from featx.heads.views import fit_views

SIDE, CLASSES, COUNT = 32, 3, 24


@pytest.fixture(scope="session")
def extractor(pixels, tmp_path_factory):
    """A backbone with random weights, and the statistics that they give.

    Keras' own of mean 0 and variance 1 would make the maps smaller with each layer, to
    features of 1e-16, of which a head's standardisation would make rounding errors.
    """
    random = find_extractor("mobilenet-0.25", image_size=SIDE, weights="random")
    model = build_model(random)
    keras = import_keras()
    (base,) = (one for one in model.layers if isinstance(one, keras.Model))
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(pixels, training=True)
    path = tmp_path_factory.mktemp("backbone") / "own.weights.h5"
    base.save_weights(path)
    return find_extractor("mobilenet-0.25", image_size=SIDE, weights=str(path))


@pytest.fixture(scope="session")
def pixels():
    """Noise, brighter in another channel for each class."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 120, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    for row, label in enumerate(np.arange(COUNT) % CLASSES):
        images[row, :, :, label] += 100
    return images


@pytest.fixture(scope="session")
def labels():
    return np.arange(COUNT) % CLASSES


def embed(extractors, images):
    """Return views, shape (n, v, d), as a head takes them."""
    flips = sorted({one.flip for one in extractors})
    views = []
    for flip in flips:
        rows = [
            one.open()(
                images[one.image_size][:, :, ::-1] if flip else images[one.image_size]
            )
            for one in extractors
            if one.flip == flip
        ]
        views.append(np.concatenate(rows, axis=1))
    return np.stack(views, axis=1)


def fit(name, views, labels, **parameters):
    return fit_views(
        name,
        views,
        labels,
        np.arange(len(labels)),
        seed=0,
        class_weight=None,
        tune=False,
        parameters=parameters,
    )
