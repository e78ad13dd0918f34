"""What lies in a cache folder is found, and what is odd there is named."""

import pytest

from featx.embeddings.cache.inventory import find_caches, inventory_entry, options_of
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.spec import Spec
from featx.errors import CacheError
from tests.embeddings.cache.test_store import SPEC, make_keys, make_rows


def spec(**changes):
    return Spec(**{**SPEC.as_dict(), **changes})


def test_each_spec_is_found_and_counted(tmp_path):
    keys, rows = make_keys(6), make_rows(6)
    one, two = (EmbeddingCache(tmp_path, spec(flip=flip)) for flip in (False, True))
    one.add(keys[:4], rows[:4])
    one.add(keys[2:5], rows[2:5])
    two.add(keys, rows)
    (tmp_path / "weights.json").write_text("{}")
    inventory = find_caches(tmp_path)
    assert [cache.spec for cache in inventory.caches] == [one.spec, two.spec]
    assert inventory.damaged == inventory.foreign == []
    entry, other = map(inventory_entry, inventory.caches)
    assert (entry.rows, other.rows) == (5, 6)  # a content in two parts counts once
    assert entry.newest == max(path.stat().st_mtime for path in one.parts())
    assert entry.size == sum(path.stat().st_size for path in one.folder.iterdir())
    assert entry.cache.notes == []


def test_a_folder_without_parts_holds_nothing(tmp_path):
    with EmbeddingCache(tmp_path, SPEC).writable():
        pass
    entry = inventory_entry(find_caches(tmp_path).caches[0])
    assert (entry.rows, entry.newest) == (0, None)


def test_looking_leaves_a_damaged_part_where_it_is(tmp_path):
    cache = EmbeddingCache(tmp_path, SPEC)
    cache.add(make_keys(3), make_rows(3))
    path = cache.add(make_keys(3, seed=1), make_rows(3))
    path.write_bytes(path.read_bytes()[:100])
    entry = inventory_entry(cache)
    assert entry.rows == 3
    assert "`featx cache verify` sets it aside" in cache.notes[0]
    assert path.exists()
    cache.contains(make_keys(1))
    inventory_entry(cache)
    assert "1 damaged part is set aside; `featx cache prune`" in cache.notes[-1]


def test_looking_leaves_a_part_that_leads_nowhere_where_it_is(tmp_path):
    cache = EmbeddingCache(tmp_path, SPEC)
    cache.add(make_keys(3), make_rows(3))
    loop = cache.folder / "part-loop.h5"
    loop.symlink_to(loop)
    assert inventory_entry(cache).rows == 3
    assert f"{loop} is damaged" in cache.notes[0]
    assert loop.is_symlink()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"backbone": "x"}', b"\xff"])
def test_a_damaged_spec_is_named(tmp_path, content):
    cache = EmbeddingCache(tmp_path, SPEC)
    cache.add(make_keys(3), make_rows(3))
    content = content if isinstance(content, bytes) else content.encode()
    (cache.folder / "spec.json").write_bytes(content)
    inventory = find_caches(tmp_path)
    assert inventory.caches == inventory.foreign == []
    (line,) = inventory.damaged
    assert line.startswith(f"{cache.folder}: spec.json is damaged (")
    assert "extract again" in line
    assert "\n" not in line


def test_foreign_and_renamed_folders_are_named(tmp_path):
    cache = EmbeddingCache(tmp_path, SPEC)
    cache.add(make_keys(3), make_rows(3))
    (tmp_path / "holiday").mkdir()
    (tmp_path / ".git").mkdir()
    cache.folder.rename(tmp_path / "old")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "part-1.h5").write_text("")
    inventory = find_caches(tmp_path)
    assert inventory.caches == []
    holiday, old = inventory.foreign
    assert "holiday: not a folder of featx's" in holiday
    assert "old: its name and spec.json don't agree" in old
    assert "lost: spec.json is missing" in inventory.damaged[0]


def test_no_cache_is_one_line(tmp_path):
    with pytest.raises(CacheError, match=r"no such folder; `featx extract"):
        find_caches(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"can't be listed \(Not a directory\)"):
        find_caches(tmp_path / "file")


def test_options_are_those_that_are_not_the_default():
    assert options_of(spec(weights="imagenet")) == []
    unusual = spec(
        layer="mixed5",
        pooling="max",
        flip=True,
        precision="bfloat16",
        weights="random",
        pixels=0,
    )
    assert options_of(unusual) == [
        *(
            "layer mixed5",
            "max",
            "flip",
            "bfloat16",
            "random",
            "decoded by another version",
        )
    ]
    assert options_of(spec(weights_id="0123456789")) == ["weights 01234567"]
