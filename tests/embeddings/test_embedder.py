"""`featx.Embedder` is a scikit-learn transformer."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.errors import BackboneError, ImageError
from tests.conftest import COLOURS, write_image


@pytest.fixture
def embedder(tmp_path):
    return featx.Embedder(
        "mobilenet-0.25",
        image_size=32,
        weights="random",
        cache_dir=tmp_path / "cache",
    )


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 40, 36, 3), dtype=np.uint8)


def test_paths_and_pixels_become_rows(embedder, pixels, tmp_path):
    paths = [write_image(tmp_path / f"{i}.png", (i * 40, 9, 9)) for i in range(3)]
    rows = embedder.fit_transform(paths)
    assert rows.shape == (3, 256)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(embedder.transform([str(p) for p in paths]), rows)
    np.testing.assert_array_equal(embedder.transform(np.array(paths, object)), rows)
    assert embedder.transform(pixels).shape == (6, 256)
    assert len(embedder.get_feature_names_out()) == 256


def test_it_clones_and_pickles(embedder, pixels):
    rows = embedder.transform(pixels)
    for copy in (clone(embedder), pickle.loads(pickle.dumps(embedder))):
        assert copy.get_params() == embedder.get_params()
        np.testing.assert_array_equal(copy.transform(pixels), rows)


def test_without_a_cache_nothing_is_written(embedder, pixels, tmp_path):
    rows = embedder.transform(pixels)
    free = clone(embedder).set_params(cache_dir=None)
    before = sorted(tmp_path.rglob("*"))
    np.testing.assert_allclose(free.transform(pixels), rows, rtol=1e-4, atol=1e-7)
    assert sorted(tmp_path.rglob("*")) == before


def test_it_works_in_a_pipeline(embedder, tmp_path):
    paths, labels = [], []
    for number in range(9):
        for name, colour in COLOURS.items():
            path = tmp_path / name / f"{number}.png"
            paths.append(write_image(path, colour, seed=len(paths)))
            labels.append(name)
    model = make_pipeline(embedder, StandardScaler(), LogisticRegression())
    scores = cross_val_score(model, paths, labels, cv=3)
    assert scores.shape == (3,)
    assert model.fit(paths, labels).predict(paths[:3]).tolist() == list(COLOURS)


def test_an_unreadable_image_is_an_error(embedder, tmp_path):
    good = write_image(tmp_path / "good.png", (1, 2, 3))
    bad = tmp_path / "bad.png"
    bad.write_text("x")
    with pytest.raises(ImageError, match=r"bad.png: not an image.*1 of 2 images"):
        embedder.transform([good, bad])


def test_fit_checks_the_backbone_and_init_does_not():
    embedder = featx.Embedder("mobilnet")
    with pytest.raises(BackboneError, match="did you mean 'mobilenet'"):
        embedder.fit([], [])
    right = embedder.set_params(backbone="mobilenet")
    assert right.fit([], []) is right


def test_wrong_words_are_errors():
    with pytest.raises(BackboneError, match="did you mean 'resnet50'"):
        featx.Embedder("resnet5O").get_feature_names_out()
    with pytest.raises(BackboneError, match="pooling mean"):
        featx.Embedder("resnet50", pooling="mean", weights="random").transform([])
    with pytest.raises(BackboneError, match="at least 32 pixels"):
        featx.Embedder("resnet50", image_size=8, weights="random").transform([])
