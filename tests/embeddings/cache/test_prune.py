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


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_part_that_leads_nowhere_stops_nothing(cache, dry_run):
    keys, _ = fill(cache)
    for name in ("part-loop.h5", "damaged-loop.h5"):
        loop = cache.folder / name
        loop.symlink_to(loop)
    done = prune(cache, set(split_keys(keys)), dry_run=dry_run)
    assert (done.damaged, done.kept, done.files) == (1, 40, ["damaged-loop.h5"])


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


TAKING_AWAY = """
import sys, time
from pathlib import Path
import numpy as np
from featx.embeddings.cache.inventory import find_caches
from featx.embeddings.cache.prune import prune
from featx.embeddings.cache.store import split_keys

# A slow disk: a kill at any moment finds it at work.
def slowly(act):
    def acting(*words, **options):
        time.sleep(0.002)
        return act(*words, **options)
    return acting
Path.replace, Path.unlink = slowly(Path.replace), slowly(Path.unlink)

root, work, wanted = sys.argv[1:]
(cache,) = find_caches(Path(root)).caches
wanted = set(split_keys(np.load(wanted)))
print("started", flush=True)
if work == "merge":
    cache.merge()
else:
    prune(cache, wanted)
print("ended")
"""


def kill_while(work, cache, wanted, moment):
    """Kill a process that merges or prunes; return whether it was at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKING_AWAY, str(cache.root), work, str(wanted)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "started\n"
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        return process.stdout.read() == ""


@pytest.mark.parametrize(
    "kills", [2, pytest.param(15, marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.parametrize("work", ["merge", "prune"])
def test_a_kill_loses_no_row_that_stays(cache, work, kills):
    keys, rows = fill(cache, count=200, step=10)
    stay = slice(None) if work == "merge" else slice(None, None, 2)
    wanted = cache.root / "wanted.npy"
    np.save(wanted, keys[stay])
    rng = random.Random(0)
    at_work = 0
    for _ in range(kills):
        at_work += kill_while(work, cache, wanted, rng.uniform(0, 0.05))
        got, found = cache.read(keys)
        assert found[stay].all()
        np.testing.assert_array_equal(got[found], rows[found])
        if work == "merge":  # so that there is something to merge each time
            for start in range(0, 200, 10):
                cache.add(keys[start : start + 10], rows[start : start + 10])
    assert at_work
    prune(cache, set(split_keys(keys[stay])))
    got, found = cache.read(keys)
    assert found.sum() == len(keys[stay])
    np.testing.assert_array_equal(got[stay], rows[stay])
    assert cache.notes == []
    assert not list(cache.folder.glob(".aside-*"))
