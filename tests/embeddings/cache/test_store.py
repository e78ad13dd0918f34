"""The cache returns what was put in, and nothing that wasn't."""

import hashlib
import json
import resource
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import h5py
import numpy as np
import portalocker
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.spec import Spec
from featx.errors import CacheError
from tests.conftest import read_only, run_at_once

SPEC = Spec(backbone="mean-colour", image_size=8, weights="file", weights_id="0")


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache", SPEC)


def make_keys(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def make_rows(count, seed=0, width=5):
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def reseal(path):
    """Rename a part that was changed on purpose: its name holds its digest."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    stamp = path.name.split("-")[1]
    return path.rename(path.with_name(f"part-{stamp}-{digest}.h5"))


def total_rows(cache):
    count = 0
    for path in cache.parts():
        with h5py.File(path) as file:
            count += len(file["key"])
    return count


@given(data=st.data())
def test_any_rows_in_any_parts_come_back(tmp_path_factory, data):
    cache = EmbeddingCache(tmp_path_factory.mktemp("cache"), SPEC)
    # Few distinct bytes: keys that end in zeros, and keys that repeat.
    names = data.draw(
        st.lists(st.binary(min_size=1, max_size=2), min_size=1, max_size=30)
    )
    keys = np.array(
        [list(name.ljust(32, b"\0")) for name in names], dtype=np.uint8
    ).reshape(-1, 32)
    rows = keys[:, :3].astype(np.float32)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(keys)), max_size=4)))
    for part in np.split(np.arange(len(keys)), cuts):
        if len(part):
            cache.add(keys[part], rows[part])
        if data.draw(st.booleans()):
            cache.merge()
    order = data.draw(st.permutations(range(len(keys))))
    got, found = cache.read(keys[order])
    assert found.all()
    np.testing.assert_array_equal(got, rows[order])
    assert cache.contains(keys).all()
    assert cache.notes == []


def test_what_was_never_added_is_not_there(cache):
    keys = make_keys(4)
    assert not cache.contains(keys).any()
    rows, found = cache.read(keys)
    assert rows.shape == (4, 0)
    assert not found.any()
    cache.add(keys[:2], make_rows(2))
    rows, found = cache.read(keys)
    assert found.tolist() == [True, True, False, False]
    assert (rows[2:] == 0).all()


def test_folder_and_part_are_as_documented(cache):
    keys, rows = make_keys(3), make_rows(3)
    path = cache.add(keys, rows)
    assert cache.folder.name == f"mean-colour-8-avg-{SPEC.id}"
    assert path.name.startswith("part-")
    assert json.loads((cache.folder / "spec.json").read_text()) == SPEC.as_dict()
    with h5py.File(path) as file:
        assert file["key"].dtype == np.uint8
        assert file["key"].shape == (3, 32)
        assert file["embedding"].dtype == np.float32
        assert file["embedding"].chunks is not None
        assert file["key"].fletcher32
        assert file["embedding"].fletcher32
        assert file.attrs["format"] == b"featx-embeddings"
        assert file.attrs["version"] == 2
        assert file.attrs["spec"] == SPEC.id.encode()


def test_another_spec_has_another_folder(tmp_path):
    others = [
        Spec(backbone="mean-colour", image_size=9, weights="file", weights_id="0"),
        Spec(backbone="mean-colour", image_size=8, weights="file", weights_id="1"),
        Spec(
            backbone="mean-colour",
            image_size=8,
            pooling="max",
            weights="file",
            weights_id="0",
        ),
    ]
    assert len({spec.folder_name for spec in [SPEC, *others]}) == 4


def test_merge_makes_one_part_and_removes_leftovers(cache):
    keys, rows = make_keys(40), make_rows(40)
    for start in range(0, 40, 4):
        cache.add(keys[start : start + 4], rows[start : start + 4])
    leftover = cache.folder / ".aside-killed.h5"
    leftover.write_bytes(b"half")
    cache.merge()
    assert len(cache.parts()) == 1
    assert not leftover.exists()
    np.testing.assert_array_equal(cache.read(keys)[0], rows)


def test_merge_keeps_which_engines_computed_the_rows(cache):
    keys, rows = make_keys(9), make_rows(9)
    for turn, engine in enumerate(["tensorflow", "litert", "litert"]):
        own = slice(3 * turn, 3 * turn + 3)
        cache.add(keys[own], rows[own], engine)
        cache.merge()
    (part,) = cache.parts()
    with h5py.File(part) as file:
        assert file.attrs["engine"] == b"litert, tensorflow"


def test_merge_leaves_large_parts_alone(cache):
    keys, rows = make_keys(4002), make_rows(4002, width=50)
    large = cache.add(keys[:4000], rows[:4000])
    cache.add(keys[4000:4001], rows[4000:4001])
    cache.add(keys[4001:], rows[4001:])
    cache.merge()
    assert len(cache.parts()) == 2
    assert large.exists()
    assert cache.contains(keys).all()


def test_merge_keeps_out_of_the_way_of_others(cache):
    keys, rows = make_keys(8), make_rows(8)
    cache.add(keys[:4], rows[:4])
    cache.add(keys[4:], rows[4:])
    unfinished = cache.folder / ".aside-alive.h5"
    unfinished.write_bytes(b"half")
    with (cache.folder / "lock").open("a+") as other:
        portalocker.lock(other, portalocker.LockFlags.SHARED)
        cache.merge()
        assert len(cache.parts()) == 2
        assert unfinished.exists()
        assert cache.contains(keys).all()
    cache.merge()
    assert len(cache.parts()) == 1
    assert not unfinished.exists()


def test_a_merge_takes_little_memory(cache, monkeypatch):
    # Whole feature maps: 7 x 7 x 2048 numbers a row, 4 MB a part.
    monkeypatch.setattr("featx.embeddings.cache.store.MERGE_BYTES", 1 << 24)
    monkeypatch.setattr("featx.embeddings.cache.parts.BLOCK_BYTES", 1 << 22)
    keys = make_keys(80)
    for start in range(0, 80, 10):
        cache.add(
            keys[start : start + 10], make_rows(10, seed=start, width=7 * 7 * 2048)
        )
    tracemalloc.start()
    cache.merge()
    _, merging = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    assert cache.contains(keys).all()
    _, looking = tracemalloc.get_traced_memory()
    rows, _ = cache.read(keys)
    _, reading = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(cache.parts()) == 5
    assert merging < 4.5 * (1 << 24)  # parts, all of them, those kept, the new file
    assert looking < 1 << 20
    assert reading < rows.nbytes + 3 * (1 << 22)


@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_never_gives_a_wrong_row(tmp_path_factory, where, flip):
    cache = EmbeddingCache(tmp_path_factory.mktemp("cache"), SPEC)
    keys, rows = make_keys(20), make_rows(20)
    cache.add(keys[:10], rows[:10])
    damaged = cache.add(keys[10:], rows[10:])
    content = bytearray(damaged.read_bytes())
    content[int(where * len(content))] ^= flip
    damaged.write_bytes(content)
    got, found = cache.read(keys)
    np.testing.assert_array_equal(got[found], rows[found])
    assert found[:10].all()
    if not found.all():
        assert not damaged.exists()
        assert "damaged" in cache.notes[0]
        assert "computed again" in cache.notes[0]


def make_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        lambda path: path.write_bytes(b""),
        make_folder,
    ],
    ids=["cut short", "empty", "a folder"],
)
def test_a_damaged_part_is_set_aside_and_not_met_again(cache, spoil):
    path = cache.add(make_keys(3), make_rows(3))
    spoil(path)
    assert not cache.contains(make_keys(3)).any()
    assert [p.name for p in cache.folder.glob("damaged-*")] == [f"damaged-{path.name}"]
    again = EmbeddingCache(cache.root, SPEC)
    assert not again.contains(make_keys(3)).any()
    assert again.notes == []


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.attrs.update({"format": np.bytes_("other")}),
        lambda file: file.pop("key"),
    ],
)
def test_a_file_of_another_format_is_no_part(cache, change):
    path = cache.add(make_keys(3), make_rows(3))
    with h5py.File(path, "r+") as file:
        change(file)
    reseal(path)
    assert not cache.read(make_keys(3))[1].any()
    assert "damaged" in cache.notes[0]


def test_a_part_of_another_spec_is_set_aside(cache, tmp_path):
    keys = make_keys(6)
    other = EmbeddingCache(tmp_path / "cache", replace(SPEC, image_size=9))
    stray = other.add(keys[:3], make_rows(3, seed=1))
    cache.add(keys[3:], make_rows(3))
    stray.rename(cache.folder / stray.name)
    cache.merge()
    assert len(cache.parts()) == 2
    assert cache.read(keys)[1].tolist() == [False] * 3 + [True] * 3
    (note,) = cache.notes
    assert "of another spec" in note
    assert "set aside as damaged-part-" in note


def test_a_part_of_another_width_is_set_aside(cache):
    keys = make_keys(10)
    cache.add(keys[:3], make_rows(3, width=7))  # the oldest, but the fewest rows
    cache.add(keys[3:], make_rows(7))
    cache.merge()
    assert len(cache.parts()) == 2
    rows, found = cache.read(keys)
    assert rows.shape == (10, 5)
    assert found.tolist() == [False] * 3 + [True] * 7
    np.testing.assert_array_equal(rows[3:], make_rows(7))
    assert "rows of 7 numbers, not 5" in cache.notes[0]


def test_a_cache_that_is_a_file_gives_one_line(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(CacheError, match=r"can't write \(.*--cache-dir") as caught:
        EmbeddingCache(tmp_path / "cache", SPEC).add(make_keys(1), make_rows(1))
    assert "\n" not in str(caught.value)


def test_a_read_only_cache_is_read(open_folder):
    keys, rows = make_keys(6), make_rows(6)
    cache = EmbeddingCache(open_folder, SPEC)
    cache.add(keys[:3], rows[:3])
    cache.add(keys[3:], rows[3:])
    with read_only(open_folder):
        np.testing.assert_array_equal(cache.read(keys)[0], rows)
        cache.merge()
        assert len(cache.parts()) == 2
        with pytest.raises(CacheError, match="can't write"):
            cache.add(make_keys(1, seed=1), make_rows(1))
        with pytest.raises(CacheError, match="can't write"):
            cache.check_writable()
        # Who may only read keeps merges away all the same.
        with cache.lock.shared(), (cache.folder / "lock").open() as other:
            exclusive = portalocker.LockFlags.EXCLUSIVE
            with pytest.raises(portalocker.LockException):
                portalocker.lock(other, exclusive | portalocker.LockFlags.NON_BLOCKING)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.spec import Spec
from featx.errors import CacheError

spec = Spec(backbone="mean-colour", image_size=8, weights="file", weights_id="0")
cache = EmbeddingCache(Path(sys.argv[1]), spec)
keys = np.arange(64, dtype=np.uint8).reshape(2, 32)
cache.add(keys[:1], np.ones((1, 5), np.float32))
# No file may grow over 50 kB: as on a full disk, a write fails half-way.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    cache.add(keys[1:], np.ones((1, 50_000), np.float32))
except CacheError as error:
    print(error)
print(cache.contains(keys).tolist(), len(list(cache.folder.iterdir())))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no such limit here")
def test_a_full_disk_loses_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    message, state = done.stdout.splitlines()
    assert "can't write (File too large)" in message
    assert "what was committed is kept" in message
    assert state == "[True, False] 3"  # spec.json, lock, the part
    assert done.stderr == ""


WRITER = """
import sys
from pathlib import Path
from featx.embeddings.cache.quarantine import Unreadable
from featx.embeddings.cache.store import EmbeddingCache
from tests.embeddings.cache.test_store import SPEC
cache, name = EmbeddingCache(Path(sys.argv[1]), SPEC), sys.argv[2]
sys.stdin.readline()
for number in range(20):
    cache.add_unreadable([Unreadable(f"{name}-{number}", "", "torn")])
    cache.add_unreadable([Unreadable("gone" + name, "", "torn")])
    cache.quarantine.forget(set(), {"gone" + name})
with cache.writable({name: 1}):
    pass
"""


def test_small_files_lose_nothing_that_several_processes_write(cache):
    names = "abcd"
    run_at_once(WRITER, cache.root, names)
    listed = {line.path for line in cache.quarantine.read()}
    assert listed == {f"{name}-{number}" for name in names for number in range(20)}
    spec = json.loads((cache.folder / "spec.json").read_text())
    assert spec == {**SPEC.as_dict(), **dict.fromkeys(names, 1)}
