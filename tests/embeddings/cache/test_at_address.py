"""A cache that is no folder of this machine: a store without renames and locks."""

import numpy as np
import pytest

from featx import read_images
from featx.addresses import as_folder
from featx.embeddings.cache.inventory import find_caches, inventory_entry
from featx.embeddings.cache.last_extracted import recall, remember
from featx.embeddings.cache.quarantine import Unreadable
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.dataset import embed
from featx.errors import CacheError
from featx.pipeline.cache import run_prune
from tests.embeddings.cache.test_store import SPEC, make_keys, make_rows


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    return as_folder(f"memory://{tmp_path.name}/cache")


def unreachable(_):
    raise RuntimeError("no connection")


@pytest.fixture
def cache(root):
    return EmbeddingCache(root, SPEC)


def test_what_was_added_is_read(cache, root):
    for seed in range(3):
        cache.add(make_keys(4, seed), make_rows(4, seed))
    again = EmbeddingCache(root, SPEC)

    rows, found = again.read(make_keys(4, 1))

    assert found.all()
    assert np.array_equal(rows, make_rows(4, 1))
    assert not again.contains(make_keys(4, 9)).any()
    assert len(again.parts()) == 3


def test_a_part_is_fetched_once(cache, root):
    path = cache.add(make_keys(4), make_rows(4))
    assert cache.contains(make_keys(4)).all()
    path.write_bytes(b"of no use any more")

    rows, found = EmbeddingCache(root, SPEC).read(make_keys(4))

    assert found.all()
    assert np.array_equal(rows, make_rows(4))


def test_a_damaged_part_is_set_aside(cache, root):
    path = cache.add(make_keys(4), make_rows(4))
    content = path.read_bytes()
    path.write_bytes(content[:-8] + bytes(8))

    _rows, found = EmbeddingCache(root, SPEC).read(make_keys(4))

    assert not found.any()
    assert [one.name for one in cache.folder.glob("damaged-*")] == [
        f"damaged-{path.name}"
    ]


def test_a_part_that_cannot_be_fetched_is_left_alone(cache, root, monkeypatch):
    path = cache.add(make_keys(4), make_rows(4))
    with monkeypatch.context() as patch:
        patch.setattr(type(path), "read_bytes", unreachable)
        with pytest.raises(CacheError, match=r"can't be fetched .*no connection"):
            EmbeddingCache(root, SPEC).contains(make_keys(4))

    assert EmbeddingCache(root, SPEC).contains(make_keys(4)).all()


def test_nothing_is_merged_or_pruned(cache, root):
    for seed in range(3):
        cache.add(make_keys(4, seed), make_rows(4, seed))
    cache.merge()

    assert len(cache.parts()) == 3
    with pytest.raises(CacheError, match="nothing can be removed from an object store"):
        run_prune(root)


def test_small_files_are_kept(cache, root, tmp_path):
    line = Unreadable("a.jpg", "00" * 32, "damaged")
    cache.add_unreadable([line])
    settings = [{"backbone": "resnet50"}]

    assert cache.quarantine.read() == [line]
    assert remember(root, tmp_path, settings)
    assert recall(root, tmp_path) == settings


def test_it_is_listed(cache, root):
    cache.add(make_keys(4), make_rows(4))
    (found,) = find_caches(root).caches

    entry = inventory_entry(found)

    assert entry.rows == 4
    assert entry.size > 0


def test_embeddings_are_computed_once(root, colours, extractor):
    images = read_images(colours)

    first = embed(images, extractor, cache_dir=root)
    again = embed(images, extractor, cache_dir=root)

    assert np.array_equal(first.X, again.X)
    assert extractor.opened == 1
