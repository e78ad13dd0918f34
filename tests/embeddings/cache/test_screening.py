"""A part that isn't what featx wrote is found, whatever HDF5 would make of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.embeddings.cache.inventory import find_caches, inventory_entry
from featx.embeddings.cache.parts import UnusablePartError
from featx.embeddings.cache.prune import prune
from featx.embeddings.cache.screening import content_digest
from featx.embeddings.cache.store import EmbeddingCache
from featx.errors import CacheError
from tests.embeddings.cache.test_store import SPEC, make_keys, make_rows, reseal

OLD = Path(__file__).parents[2] / "fixtures" / "v0.1.0" / "cache"
ROWS = 20


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache", SPEC)


def without_digest(part):
    """Give a part a name as those of 0.1.0 and 0.2.0 had."""
    return part.rename(part.with_name("part-20260101T000000-0123456789ab.h5"))


def is_set_aside(cache, words):
    """Check that no row of the only part is served; return whether a note says why."""
    assert not cache.contains(make_keys(ROWS)).any() or (
        not cache.read(make_keys(ROWS))[1].any()
    )
    assert cache.parts() == []
    (note,) = cache.notes
    return words in note and "set aside as damaged-part-" in note


def test_the_name_holds_the_digest(cache):
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    assert part.stem.split("-")[2] == content_digest(part.read_bytes())
    cache.add(make_keys(3, seed=1), make_rows(3))
    cache.merge()
    (part,) = cache.parts()
    assert part.stem.split("-")[2] == content_digest(part.read_bytes())


def test_the_same_content_again_is_not_lost(cache, monkeypatch):
    monkeypatch.setattr(cache, "_provenance", lambda _: {"spec": SPEC.id})
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    cache.rewrite([part])
    assert cache.parts() == [part]
    assert cache.contains(make_keys(ROWS)).all()


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found_without_hdf5(tmp_path_factory, where, bit):
    cache = EmbeddingCache(tmp_path_factory.mktemp("cache"), SPEC)
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    content = bytearray(part.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    part.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("h5py.File", None)
        assert is_set_aside(cache, "is damaged (")


LOOK = """
import signal, sys
from pathlib import Path
from featx.embeddings.cache.parts import DamagedPartError, read_blocks, read_keys
signal.alarm(60)
for path in map(Path, sys.argv[1:]):
    try:
        read_keys(path), list(read_blocks(path))
        print("read")
    except DamagedPartError:
        print("damaged")
"""


def heap_of(part):
    """Return where the texts of an old part's attributes begin."""
    return part.read_bytes().index(b"GCOL") + 16


def test_an_old_part_with_a_damaged_heap_stops_nobody(tmp_path):
    old = next(OLD.glob("*-none-*/part-*.h5"))
    start, flipped = heap_of(old), []
    for place in (*range(start, start + 220, 3), start + 192):
        content = bytearray(old.read_bytes())
        content[place] ^= 1
        flipped.append(tmp_path / f"part-{place}-0123456789ab.h5")
        flipped[-1].write_bytes(content)
    # Texts that have no size: HDF5 1.14 never comes to an end on these.
    content = bytearray(old.read_bytes())
    content[start : start + 16] = bytes(16)
    flipped[-1].write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, old, *flipped],
        capture_output=True,
        text=True,
        check=True,
    )
    answers = done.stdout.split()
    assert answers[0] == "read"
    assert answers[-1] == "damaged"
    assert len(answers) == len(flipped) + 1
    assert "damaged" in answers[1:-1]


@pytest.mark.parametrize("name", ["", "x" * 5000])
def test_an_old_part_without_digest_is_read(cache, name):
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    with h5py.File(part, "r+") as file:
        for key, value in {"spec": SPEC.id, "format": "featx-embeddings"}.items():
            file.attrs[key] = value  # of variable length, in a heap
        file.attrs["featx"] = name
        file.attrs["version"] = 1
    without_digest(part)
    rows, found = cache.read(make_keys(ROWS))
    assert found.all()
    np.testing.assert_array_equal(rows, make_rows(ROWS))
    assert cache.notes == []


def replace(file, name, **how):
    kept = file[name][:]
    del file[name]
    file.create_dataset(name, **{"data": kept, **how})


def link(file, other):
    del file["embedding"]
    file["embedding"] = other


def virtual(file):
    layout = h5py.VirtualLayout(file["embedding"].shape, np.float32)
    layout[...] = h5py.VirtualSource("/etc/passwd", "x", file["embedding"].shape)
    del file["embedding"]
    file.create_virtual_dataset("embedding", layout)


CHUNKED = {"chunks": (ROWS, 5), "fletcher32": True}
SPOILT = {
    "float16": lambda f: replace(f, "embedding", dtype=np.float16, **CHUNKED),
    "float64": lambda f: replace(f, "embedding", dtype=np.float64, **CHUNKED),
    "big endian": lambda f: replace(f, "embedding", dtype=">f4", **CHUNKED),
    "integers": lambda f: replace(f, "embedding", dtype=np.int32, **CHUNKED),
    "keys of another type": lambda f: replace(f, "key", dtype=np.int8, **CHUNKED),
    "not a number": lambda f: f["embedding"].write_direct(
        np.full((ROWS, 5), np.nan, np.float32)
    ),
    "infinite": lambda f: f["embedding"].write_direct(
        np.full((ROWS, 5), np.inf, np.float32)
    ),
    "external storage": lambda f: replace(
        f,
        "embedding",
        data=None,
        shape=(ROWS, 5),
        dtype=np.float32,
        external=[("/etc/passwd", 0, ROWS * 20)],
    ),
    "contiguous": lambda f: replace(f, "embedding"),
    "compressed": lambda f: replace(f, "embedding", compression="gzip", **CHUNKED),
    "no checksums": lambda f: replace(f, "embedding", chunks=(ROWS, 5)),
    "external link": lambda f: link(f, h5py.ExternalLink("/etc/passwd", "/x")),
    "soft link": lambda f: link(f, h5py.SoftLink("/key")),
    "virtual": virtual,
    "a group": lambda f: (f.pop("embedding"), f.create_group("embedding")),
    "missing": lambda f: f.pop("embedding"),
    "one row more": lambda f: replace(f, "key", data=make_keys(ROWS + 1), **CHUNKED),
    "no width": lambda f: replace(
        f, "embedding", data=None, shape=(ROWS, 0), dtype=np.float32, maxshape=(ROWS, 9)
    ),
    "flat": lambda f: replace(
        f, "embedding", data=np.ones(ROWS, np.float32), chunks=(ROWS,), fletcher32=True
    ),
    "far too wide": lambda f: replace(
        f, "embedding", data=None, shape=(ROWS, 1 << 50), dtype=np.float32, **CHUNKED
    ),
    "far too many": lambda f: [
        replace(f, name, data=None, shape=(1 << 50, n), dtype=dtype, **CHUNKED)
        for name, n, dtype in (("key", 32, np.uint8), ("embedding", 5, np.float32))
    ],
    "texts in a heap": lambda f: f.attrs.update({"spec": SPEC.id}),
    "no version": lambda f: f.attrs.pop("version"),
    "a version in words": lambda f: f.attrs.update({"version": "2"}),
    "several versions": lambda f: f.attrs.update({"version": [2, 2]}),
    "another format": lambda f: f.attrs.update({"format": np.bytes_("other")}),
}


@pytest.mark.parametrize("digest", ["with digest", "without"])
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_featx_never_writes_is_not_served(cache, spoil, digest):
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    with h5py.File(part, "r+") as file:
        spoil(file)
    if digest == "without":
        if spoil is SPOILT["texts in a heap"]:
            pytest.skip("so did 0.1.0")
        without_digest(part)
    else:
        reseal(part)
    assert is_set_aside(cache, "is damaged (")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_opened(cache, make):
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    part.unlink()
    make(part)
    assert is_set_aside(cache, "no regular file")


def test_another_file_under_the_name_of_a_part(cache):
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    part = without_digest(part)
    part.unlink()
    with h5py.File(part, "w") as file:  # with the lists of names of HDF5 1.0
        file.create_group("embedding")
    assert is_set_aside(cache, "no HDF5 file that featx writes")


@pytest.mark.parametrize("named", [True, False])
def test_a_part_of_a_newer_version_is_left_alone(cache, named):
    part = cache.add(make_keys(ROWS), make_rows(ROWS))
    with h5py.File(part, "r+") as file:
        file.attrs["version"] = 3
        file.attrs["format"] = "who knows"
        del file["key"]
    part = reseal(part) if named else without_digest(part)
    cache.add(make_keys(3, seed=1), make_rows(3))
    for use in (cache.contains, cache.read):
        with pytest.raises(UnusablePartError, match="upgrade featx") as caught:
            use(make_keys(ROWS))
        assert str(part) in str(caught.value)
    cache.merge()
    done = prune(cache, set())
    assert (done.dropped, done.damaged, done.removed) == (3, 1, False)
    entry = inventory_entry(cache)
    assert all("upgrade featx" in note for note in entry.cache.notes)
    assert cache.parts() == [part]


@pytest.mark.parametrize(
    ("keys", "rows", "words"),
    [
        (make_keys(3), np.full((3, 5), np.nan, np.float32), "not finite"),
        (make_keys(3), make_rows(3).astype(np.float64), "are float64"),
        (make_keys(3), make_rows(2), "shape"),
        (make_keys(3)[:, :9], make_rows(3), "shape"),
        (make_keys(0), make_rows(0), "shape"),
        (make_keys(3), make_rows(3)[:, 0], "shape"),
    ],
)
def test_what_would_not_be_read_is_not_written(cache, keys, rows, words):
    with pytest.raises(CacheError, match=words):
        cache.add(keys, rows)
    assert cache.parts() == []


def test_no_permission_is_no_damage(cache, monkeypatch):
    part = cache.add(make_keys(ROWS), make_rows(ROWS))

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("featx.embeddings.cache.screening._screen", refuse)
        with pytest.raises(CacheError, match="can't be read \\(Permission denied\\)"):
            cache.read(make_keys(ROWS))
    assert cache.parts() == [part]
    assert cache.read(make_keys(ROWS))[1].all()


def test_old_caches_stay_readable(tmp_path):
    copy = shutil.copytree(OLD, tmp_path / "cache")
    for part in copy.glob("*/part-*.h5"):
        with h5py.File(part) as file:
            assert file.attrs["version"] == 1
            keys = file["key"][:]
        (cache,) = [c for c in find_caches(copy).caches if c.folder == part.parent]
        assert cache.read(keys)[1].all()
        assert cache.notes == []
