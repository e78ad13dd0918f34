"""A small backbone with a head, and images to train it on."""

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_extractor
from featx.heads.views import fit_views

SIDE, CLASSES, COUNT = 32, 3, 24


@pytest.fixture(scope="session")
def extractor():
    return find_extractor("mobilenet-0.25", image_size=SIDE, weights="random")


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
