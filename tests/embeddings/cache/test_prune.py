"""Pruning drops the rows that it shall drop, and never another."""

import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import portalocker
import pytest

from featx.embeddings.cache.prune import prune
from featx.embeddings.cache.store import EmbeddingCache, split_keys
from featx.errors import CacheError
from tests.embeddings.cache.test_store import SPEC, make_keys, make_rows, total_rows


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache", SPEC)


def fill(cache, count=40, step=10):
    keys, rows = make_keys(count), make_rows(count)
    for start in range(0, count, step):
        cache.add(keys[start : start + step], rows[start : start + step])
    return keys, rows


def everything(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_unused_rows_go_and_the_others_stay(cache):
    keys, rows = fill(cache)
    wanted = [*range(5), *range(10, 20), 39]  # of one part all, of one none
    done = prune(cache, set(split_keys(keys[wanted])))
    assert (done.kept, done.dropped, done.busy, done.removed) == (16, 24, False, False)
    assert done.freed > 0
    got, found = cache.read(keys)
    np.testing.assert_array_equal(np.flatnonzero(found), wanted)
    np.testing.assert_array_equal(got[wanted], rows[wanted])
    assert total_rows(cache) == 16
    assert cache.notes == []


def test_a_dry_run_says_the_same_and_changes_nothing(cache):
    keys, _ = fill(cache)
    (cache.folder / "damaged-part-1.h5").write_bytes(b"x" * 100)
    before = everything(cache.folder)
    wanted = set(split_keys(keys[::2]))
    planned = prune(cache, wanted, dry_run=True)
    assert everything(cache.folder) == before
    done = prune(cache, wanted)
    assert (planned.kept, planned.dropped) == (done.kept, done.dropped) == (20, 20)
    assert planned.freed >= 100
    assert done.freed >= 100


def test_without_a_row_left_the_folder_goes(cache):
    fill(cache)
    with cache.writable():
        (cache.folder / "quarantine.csv").write_text("path,digest,reason\n")
    size = sum(path.stat().st_size for path in cache.folder.iterdir())
    assert prune(cache, set(), dry_run=True).freed == size
    done = prune(cache, set())
    assert (done.dropped, done.freed, done.removed) == (40, size, True)
    assert not cache.folder.exists()


def test_files_of_others_stay(cache):
    fill(cache)
    (cache.folder / "notes.txt").write_text("mine")
    prune(cache, set())
    assert everything(cache.folder) == {"notes.txt": b"mine"}


def test_what_was_set_aside_or_left_unfinished_goes(cache):
    keys, _ = fill(cache)
    for name in ("damaged-part-1.h5", ".aside-x.h5"):
        (cache.folder / name).write_bytes(b"x" * 1000)
    done = prune(cache, set(split_keys(keys)))
    assert (done.dropped, done.freed) == (0, 2000)
    assert done.files == ["damaged-part-1.h5", ".aside-x.h5"]
    assert {path.name[:4] for path in cache.folder.iterdir()} == {
        "part",
        "spec",
        "lock",
    }


def test_a_damaged_part_is_left_for_people(cache):
    keys, _ = fill(cache)
    damaged = cache.parts()[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    done = prune(cache, set())
    assert (done.damaged, done.removed) == (1, False)
    assert "`featx cache verify` sets it aside" in cache.notes[0]
    assert cache.parts() == [damaged]
    assert not cache.contains(keys).any()


def test_a_part_with_a_wrong_checksum_loses_no_row(cache):
    keys, rows = make_keys(20), make_rows(20)
    path = cache.add(keys, rows)
    content = bytearray(path.read_bytes())
    content[content.index(rows.tobytes()[:40])] ^= 1
    path.write_bytes(content)
    done = prune(cache, set(split_keys(keys[:10])))
    assert done.damaged == 1
    assert path.read_bytes() == content


def test_a_folder_in_use_is_left_alone(cache):
    keys, _ = fill(cache)
    before = everything(cache.folder)
    with (cache.folder / "lock").open("a+") as other:
        portalocker.lock(other, portalocker.LockFlags.SHARED)
        for dry_run in (True, False):
            done = prune(cache, set(), dry_run=dry_run)
            assert done.busy
            assert not done.removed
    assert everything(cache.folder) == before
    assert cache.contains(keys).all()


def test_a_folder_that_is_not_writable_is_one_line(cache, monkeypatch):
    fill(cache)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(CacheError, match="not writable; make it so"):
        prune(cache, set())


def test_who_waits_to_add_makes_a_pruned_folder_again(cache):
    keys, rows = fill(cache)
    with cache.lock.alone() as alone:
        assert alone
        other = EmbeddingCache(cache.root, SPEC)
        adding = threading.Thread(target=other.add, args=(keys, rows))
        adding.start()
        time.sleep(0.2)
        for path in [*cache.parts(), *cache.folder.iterdir()]:
            path.unlink(missing_ok=True)
        cache.folder.rmdir()
    adding.join()
    assert cache.contains(keys).all()
    assert (cache.folder / "spec.json").exists()


PRUNING = """
import sys
from pathlib import Path
import numpy as np
from featx.embeddings.cache.prune import prune
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.spec import Spec
from featx.embeddings.cache.store import split_keys
from tests.embeddings.cache.test_store import SPEC, make_keys
wanted = set(split_keys(make_keys(400)[::2]))
print("started", flush=True)
prune(EmbeddingCache(Path(sys.argv[1]), SPEC), wanted)
"""


def test_a_kill_loses_no_row_that_stays(cache):
    keys, rows = fill(cache, count=400, step=10)
    rng = random.Random(0)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", PRUNING, str(cache.root)],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout.readline() == "started\n"
            time.sleep(rng.uniform(0, 0.12))
            process.send_signal(signal.SIGKILL)
        assert cache.contains(keys[::2]).all()
    done = prune(cache, set(split_keys(keys[::2])))
    assert done.kept == 200
    got, found = cache.read(keys)
    assert found[::2].all()
    assert not found[1::2].any()
    np.testing.assert_array_equal(got[::2], rows[::2])
    assert cache.notes == []
    assert not list(cache.folder.glob(".aside-*"))
