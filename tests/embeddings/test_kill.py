"""`kill -9` at any moment: what was committed stays and is not computed again."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.extract import embed_rows
from featx.images.sources import ImageFiles
from tests.conftest import FakeExtractor, write_image

IMAGES = 240

# Stage one with a slow engine, committing every 20 images instead of every 500.
EXTRACTION = """
import sys, time
from pathlib import Path
from featx.embeddings import compute
from featx.embeddings.extract import extract
from featx.embeddings.cache.store import EmbeddingCache
from featx.images.sources import ImageFiles
from tests.conftest import FakeExtractor

class Slow(FakeExtractor):
    def open(self):
        engine = super().open()
        def slow(batch):
            time.sleep(0.01)
            return engine(batch)
        slow.name, slow.dim = engine.name, engine.dim
        return slow

compute.COMMIT_IMAGES = 20
extractor = Slow()
cache = EmbeddingCache(Path(sys.argv[2]), extractor.spec)
source = ImageFiles(sorted(Path(sys.argv[1]).iterdir()))
print("started", flush=True)
(done,) = extract(source, [extractor], cache.root, batch_size=4)
print(done.computed)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i in range(IMAGES):
        write_image(folder / f"{i:04}.png", (i % 256, 90, 200), seed=i)
    return folder


def start(folder, cache):
    process = subprocess.Popen(
        [sys.executable, "-c", EXTRACTION, str(folder), str(cache)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "started\n"
    return process


def wait_for_a_commit(process, cache, known):
    """Wait until there is a part file that was not known, or the process has ended."""
    while process.poll() is None and set(cache.parts()) <= known:
        time.sleep(0.002)


def kill_and_finish(folder, root, moments):
    """Kill an extraction at each moment, then let one finish.

    Moments are in seconds after the start, every other one after the next commit.
    """
    files = sorted(folder.iterdir())
    source, extractor = ImageFiles(files), FakeExtractor()
    cache = EmbeddingCache(root, extractor.spec)
    committed, partly = 0, False
    for number, moment in enumerate(moments):
        known = set(cache.parts())
        with start(folder, root) as process:
            if number % 2 == 0:
                wait_for_a_commit(process, cache, known)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
        present = int(cache.contains(source.digests.keys).sum())
        assert present >= committed
        committed = present
        partly |= 0 < committed < IMAGES
    assert partly  # or it was never killed between two commits
    with start(folder, root) as process:
        computed = int(process.stdout.readline())
        assert process.wait() == 0
    assert computed == IMAGES - committed
    ((rows, extraction),) = embed_rows(source, [extractor], root)
    assert extractor.opened == 0
    assert extraction.notes == []
    ((expected, _),) = embed_rows(source, [FakeExtractor()], root.parent / "expected")
    np.testing.assert_array_equal(rows, expected)
    leftovers = [p.name for p in cache.folder.iterdir() if p.name.startswith(".")]
    assert leftovers == [] or committed == IMAGES


def test_five_kills_lose_nothing_that_was_committed(folder, tmp_path):
    rng = random.Random(0)
    kill_and_finish(folder, tmp_path / "cache", [rng.uniform(0, 0.1) for _ in range(5)])


@pytest.mark.slow
def test_fifteen_kills_lose_nothing_that_was_committed(folder, tmp_path):
    # Short lives, so that most of the fifteen are killed at work and not after it.
    rng = random.Random(1)
    kill_and_finish(
        folder, tmp_path / "cache", [rng.uniform(0, 0.02) for _ in range(15)]
    )


def test_several_processes_fill_one_cache(folder, tmp_path):
    processes = [start(folder, tmp_path / "cache") for _ in range(3)]
    for process in processes:
        with process:
            assert process.wait() == 0
    source, extractor = ImageFiles(sorted(folder.iterdir())), FakeExtractor()
    ((rows, extraction),) = embed_rows(source, [extractor], tmp_path / "cache")
    assert extractor.opened == 0
    assert extraction.notes == []
    ((expected, _),) = embed_rows(source, [FakeExtractor()], tmp_path / "expected")
    np.testing.assert_array_equal(rows, expected)
