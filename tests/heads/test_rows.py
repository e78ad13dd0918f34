"""Rows that are rooted, scaled and taken block by block."""

import numpy as np
import pytest

from featx.heads import rows, scaling
from featx.heads.rows import Rows
from featx.heads.table import make_head
from tests.heads.blobs import make_blobs


@pytest.fixture
def large(monkeypatch):
    """Return a function after which seven rows are a block, and too many to hold."""

    def make_large(width):
        monkeypatch.setattr(scaling, "BLOCK", 7 * width)
        monkeypatch.setattr(rows, "HELD", 0)

    return make_large


@pytest.mark.parametrize("signed_sqrt", [False, True])
def test_subsets_and_blocks_are_scaled_as_the_whole(large, signed_sqrt):
    X, _ = make_blobs([20, 5], width=6)
    held = Rows(X, signed_sqrt=signed_sqrt)
    np.testing.assert_allclose(held[:].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(held[:].std(axis=0), 1, rtol=1e-5)
    large(6)
    lazy = Rows(X, signed_sqrt=signed_sqrt)
    assert held.is_small is False
    places = np.array([3, 24, 0, 9, 9])
    for some in (held, lazy):
        np.testing.assert_allclose(some[:], held[:], rtol=1e-5, atol=1e-6)
        inner = some.subset(places).subset(np.array([1, 4]))
        assert (len(inner), inner.width) == (2, 6)
        np.testing.assert_allclose(inner[:], held[:][[24, 9]], rtol=1e-5, atol=1e-6)
    parts = [block for _, block in lazy.blocks()]
    assert [len(part) for part in parts] == [7, 7, 7, 4]
    np.testing.assert_array_equal(np.concatenate(parts), lazy[:])


def test_given_scaling():
    X, _ = make_blobs([5, 5], width=3)
    found = Rows(X, scaling=(np.ones(3, np.float32), np.full(3, 2, np.float32)))
    np.testing.assert_allclose(found[:], (X - 1) / 2, rtol=1e-6)


SETTINGS = {
    "lda": {},
    "svm": {"tol": 1e-10},
    "logreg": {"tol": 1e-10, "C": 0.1},
    "softmax": {"epochs": 3},
    "mlp": {"epochs": 3, "hidden": "8,bn"},
    "conv": {"epochs": 2, "hidden": "8", "filters": 4, "map_shape": (2, 2, 2)},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_heads_learn_the_same_from_blocks(name, large):
    X, y = make_blobs([60, 20, 30], width=8)
    held = make_head(name, **SETTINGS[name]).fit(X, y)
    large(8)
    lazy = make_head(name, **SETTINGS[name]).fit(X, y)
    largest = np.abs(held.logits(X)).max()
    np.testing.assert_allclose(lazy.logits(X), held.logits(X), atol=2e-3 * largest)


@pytest.mark.parametrize("name", ["lda", "svm", "logreg", "softmax"])
def test_embeddings_in_a_file(name, tmp_path):
    X, y = make_blobs([30, 20], width=8)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    heads = [make_head(name, **SETTINGS[name]).fit(rows, y) for rows in (X, mapped)]
    np.testing.assert_array_equal(heads[0].logits(X), heads[1].logits(mapped))
