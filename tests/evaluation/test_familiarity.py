"""What is far from all training images is told, and what is like them is not."""

import numpy as np
import pytest

from featx.evaluation import familiarity as module
from featx.evaluation.familiarity import UNLIKE, Familiarity


def embeddings(n, *, foreign=0, width=20, seed=0):
    """Return views of images of one kind, and of some of another kind behind them."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n + foreign, 1, width)) + 2 * np.arange(width) / width
    rows[n:] -= 4 * np.arange(width) / width
    return rows.astype(np.float32)


def learn(views, train, **options):
    everything = np.arange(len(views))
    return Familiarity.learn(
        views, everything[:train], everything[train:], everything, **options
    )


def test_foreign_images_are_unlike_and_others_are_not():
    views = embeddings(500, foreign=30)
    found = learn(views, 300)
    shares = found.nearer_share(found.test)
    assert (shares[200:] >= UNLIKE).all()
    assert (shares[:200] >= UNLIKE).mean() < 0.04
    np.testing.assert_allclose(shares[:200].mean(), 0.5, atol=0.1)


def test_the_reference_formula():
    views = embeddings(60)
    found = learn(views, 40)
    rows = views[:, 0].astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    apart = 1 - rows @ rows.T
    expected = np.sort(apart[40:, :40], axis=1)[:, :5].mean(axis=1)
    np.testing.assert_allclose(found.test, expected, atol=2e-3)  # they are bytes
    own = np.sort(apart[:40, :40], axis=1)[:, 1:6].mean(axis=1)
    np.testing.assert_allclose(found.distances, np.sort(own), atol=2e-3)
    assert found.rows.dtype == np.int8
    assert repr(found) == "Familiarity(40 training images, 20 others)"


def test_blocks_change_nothing(monkeypatch):
    views = embeddings(90)
    whole = learn(views, 60)
    monkeypatch.setattr(module, "BLOCK_NUMBERS", 200)
    parts = learn(views, 60)
    np.testing.assert_array_equal(parts.rows, whole.rows)
    np.testing.assert_allclose(parts.test, whole.test, atol=1e-6)
    some = np.array([61, 3])
    np.testing.assert_allclose(
        parts.distances_of(views, some), whole.distances_of(views)[some], atol=1e-6
    )


def test_of_copies_one_is_kept():
    views = embeddings(50).repeat(3, axis=0)
    groups = np.arange(50).repeat(3)
    found = Familiarity.learn(views, np.arange(150), np.arange(0), groups)
    once = Familiarity.learn(views[::3], np.arange(50), np.arange(0), np.arange(50))
    np.testing.assert_array_equal(found.rows, once.rows)
    assert found.distances.min() > 0.01


def test_a_sample_is_as_large_as_is_allowed(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 30)
    views = embeddings(300)
    found = learn(views, 200, seed=5)
    assert found.rows.shape == (30, 20)
    np.testing.assert_array_equal(found.rows, learn(views, 200, seed=5).rows)
    monkeypatch.setattr(module, "MOST_NUMBERS", 10 * 20)
    assert len(learn(views, 200).rows) == 10
    monkeypatch.setattr(module, "MOST_NUMBERS", 1)
    assert len(learn(views, 200).rows) == 6  # or there were no five nearest


def test_maps_count_by_their_mean():
    maps = np.random.default_rng(0).normal(size=(40, 1, 2, 3, 8)).astype(np.float32)
    means = maps.mean(axis=(2, 3))
    found = learn(maps.reshape(40, 1, 48), 30, map_shape=(2, 3, 8))
    plain = learn(means, 30)
    np.testing.assert_array_equal(found.rows, plain.rows)
    np.testing.assert_allclose(found.test, plain.test, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_only_directions_count(scale):
    views = embeddings(60)
    plain, found = learn(views, 40), learn(views * np.float32(scale), 40)
    np.testing.assert_array_equal(found.rows, plain.rows)
    np.testing.assert_allclose(found.test, plain.test, atol=1e-6)


def test_few_images_and_embeddings_of_zeros():
    views = np.zeros((4, 1, 3), np.float32)
    views[0] = 1
    found = learn(views, 3)
    assert np.isfinite(found.distances).all()
    assert found.test == pytest.approx([1])
    # One of three others is no evidence.
    assert (found.nearer_share(np.array([2.0])) < UNLIKE).all()


def test_false_alarms_are_rare():
    """Of images like the training images, one in a hundred at most is called unlike."""
    shares = []
    for seed in range(40):
        found = learn(embeddings(300, seed=seed), 150)
        shares.append((found.nearer_share(found.test) >= UNLIKE).mean())
    assert np.mean(shares) < 0.01 + 3 * np.std(shares) / np.sqrt(len(shares))
