"""Full disks, read-only and damaged caches, kills and crowds, as a user meets them."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.spec import Spec
from featx.images.digests import digest_files
from tests.cli.conftest import WITH_FEW_RIGHTS
from tests.conftest import mounted_disk, write_image

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", "32", "--weights", "random")
EXTRACT = ("extract", *BACKBONE, "--precision", "float32")


@pytest.fixture
def tiny_disk(work):
    """The cache folder on a disk of 2 MB."""
    with mounted_disk(work / "cache", "2m") as cache:
        yield cache


@pytest.fixture
def tiny_reports(work):
    """The folder of runs on a disk of 2 MB."""
    with mounted_disk(work / "reports", "2m") as reports:
        yield reports


def fill(disk):
    """Take all the room that is left on a disk; return the file that takes it."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", 0) as stream:
        while True:
            stream.write(bytes(1 << 12))
    return ballast


def assert_one_line(done, *parts):
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("featx: error: ")
    for part in parts:
        assert part in line
    assert done.stdout == ""


def embeddings(cache_dir, data):
    """Return the only spec's rows of all images below a folder, and which there are."""
    (spec,) = cache_dir.glob("mobilenet*/spec.json")
    cache = EmbeddingCache(cache_dir, Spec.from_dict(json.loads(spec.read_text())))
    found = cache.read(digest_files(sorted(data.rglob("*.png"))).keys)
    assert cache.notes == []
    return found


def test_a_disk_that_fills_up(run, work, tiny_disk):
    assert "36 computed" in run(*EXTRACT).stdout
    before, _ = embeddings(tiny_disk, work / "data")
    (tiny_disk / "last-extracted.json").unlink()
    ballast = fill(tiny_disk)
    # The lists beside the embeddings stop nothing.
    (work / "data" / "train" / "red" / "gone.png").symlink_to("nowhere")
    done = run(*EXTRACT)
    assert done.exit_code == 0, done.stderr
    assert "0 computed, 36 in the cache, 1 unreadable" in done.stdout
    assert "can't write (No space left on device)" in done.stderr
    (work / "data" / "train" / "red" / "gone.png").unlink()
    for number in range(200):
        path = work / "data" / "train" / "red" / f"z{number}.png"
        write_image(path, (number, 9, 9), seed=number)
    done = run(*EXTRACT)
    assert_one_line(done, "No space left", "what was committed is kept", "--cache-dir")
    # Room to begin, but not for all.
    os.truncate(ballast, ballast.stat().st_size - 100_000)
    done = run(*EXTRACT)
    assert done.exit_code == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("featx: error: ")
    assert "No space left" in last
    assert list(tiny_disk.rglob(".aside-*")) == []
    rows, found = embeddings(tiny_disk, work / "data")
    assert found.sum() == 36
    np.testing.assert_array_equal(rows[found], before)
    ballast.unlink()
    assert "200 computed" in run(*EXTRACT).stdout
    assert embeddings(tiny_disk, work / "data")[1].all()


def content(folder):
    """Return what the files of a folder hold, but for locks."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {p: p.read_bytes() for p in files if p.name not in (".lock", "ballast")}


def leave(ballast, room):
    """Make some room on a full disk."""
    os.truncate(ballast, max(0, ballast.stat().st_size - room))


ROOMS = [0, 8192, 20_000, 60_000]


@pytest.mark.slow
def test_a_disk_that_fills_up_while_a_run_is_written(run, work, tiny_reports):
    run(*EXTRACT)
    assert run("fit", "--head", "lda").exit_code == 0
    before = content(tiny_reports)
    ballast = fill(tiny_reports)
    failed = 0
    for room in ROOMS:
        leave(ballast, room)
        done = run("fit", "--head", "svm")
        assert not list(tiny_reports.glob(".run-*"))
        if done.exit_code == 0:
            break
        failed += 1
        assert done.stderr.splitlines()[-1].startswith("featx: error: reports: can't")
        assert done.stdout == ""
        assert content(tiny_reports) == before
        fill(tiny_reports)
    assert failed > 1
    ballast.unlink()
    done = run("fit", "--head", "svm", "--json")
    assert done.exit_code == 0, done.stderr
    assert len(list(tiny_reports.glob("data-*"))) == 2
    assert not list(tiny_reports.glob(".fit-*"))


@pytest.mark.slow
def test_a_disk_that_fills_up_while_a_report_is_written(run, work, tiny_reports):
    run(*EXTRACT)
    assert run("fit", "--head", "lda").exit_code == 0
    runs = content(tiny_reports)
    assert run("report").exit_code == 0
    (page,) = tiny_reports.glob("data-*/index.html")
    pages = content(tiny_reports)
    ballast = fill(tiny_reports)
    for room in [0, 4096, 100_000]:
        leave(ballast, room)
        done = run("report", page.parent.name)
        if done.exit_code:
            last = done.stderr.splitlines()[-1]
            assert last.startswith("featx: error: ")
            assert "No space left on device" in last
        found = content(tiny_reports)
        assert {path: found[path] for path in runs} == runs
        assert found.keys() == pages.keys()  # no page is lost, and none is half there
        assert all(found[path].endswith(b"</html>") for path in found if path == page)
        fill(tiny_reports)
    ballast.unlink()
    assert run("report", page.parent.name).exit_code == 0
    assert content(tiny_reports).keys() == pages.keys()


# The last line says whether TensorFlow was imported.
TELLING = """
import sys
from featx.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("tensorflow" in sys.modules)
"""


def with_few_rights(*words):
    return subprocess.run(
        [*WITH_FEW_RIGHTS, "-c", TELLING, *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_read_only_cache(run, work):
    run(*EXTRACT)
    folders = [work / "cache", *(work / "cache").glob("*/")]
    for folder in folders:
        folder.chmod(0o555)
    try:
        done = with_few_rights(*EXTRACT)
        assert done.returncode == 0, done.stderr
        assert "0 computed, 36 in the cache" in done.stdout
        assert done.stdout.endswith("\nFalse\n")
        assert done.stderr == "next: featx fit\n"
        done = with_few_rights("fit", "--head", "lda")
        assert done.returncode == 0, done.stderr
        write_image(work / "data" / "train" / "red" / "new.png", (1, 2, 3), size=(9, 9))
        for words in (EXTRACT, (*EXTRACT[:4], "40", *BACKBONE[4:])):
            done = with_few_rights(*words)
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            assert line.startswith("featx: error: cache/mobilenet-0.25-")
            assert "can't write (Permission denied)" in line
            assert done.stdout == "False\n"
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.slow
def test_a_flipped_byte_is_said_and_mended(run, work):
    run(*EXTRACT)
    fitted = run("fit", "--head", "lda", "--out-dir", "a", "--json")
    before, _ = embeddings(work / "cache", work / "data")
    (part,) = (work / "cache").glob("*/part-*.h5")
    content = bytearray(part.read_bytes())
    content[content.find(before[7].tobytes()) + 5] ^= 64
    part.write_bytes(content)
    again = run("fit", "--head", "lda", "--out-dir", "b", "--json")
    assert again.exit_code == 0, again.stderr
    assert f"note: {part.relative_to(work)} is damaged (" in again.stderr
    assert f"set aside as damaged-{part.name}, its images are" in again.stderr
    np.testing.assert_array_equal(embeddings(work / "cache", work / "data")[0], before)
    one, other = (json.loads(done.stdout)[0] for done in (fitted, again))
    assert one["accuracy"] == other["accuracy"]
    assert one["cv_accuracy"] == other["cv_accuracy"]


STEP = 11


@pytest.mark.slow
def test_any_flipped_byte_is_harmless_or_found(run, work):
    run(*EXTRACT)
    before, _ = embeddings(work / "cache", work / "data")
    keys = digest_files(sorted((work / "data").rglob("*.png"))).keys
    (part,) = (work / "cache").glob("*/part-*.h5")
    (spec,) = (work / "cache").glob("*/spec.json")
    content = part.read_bytes()
    spec = Spec.from_dict(json.loads(spec.read_text()))
    rng = random.Random(0)
    missed = 0
    for offset in range(0, len(content), STEP):
        damaged = bytearray(content)
        damaged[offset] ^= rng.randrange(1, 256)
        part.write_bytes(damaged)
        cache = EmbeddingCache(work / "cache", spec)
        rows, found = cache.read(keys)
        assert not found.any() or np.array_equal(rows[found], before[found])
        assert found.all() or cache.notes
        cache.merge()
        missed += found.all()
        for aside in part.parent.glob("damaged-*"):
            aside.unlink()
    assert missed < len(content) / STEP / 10  # bytes that mean nothing


IMAGES = 3000


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Many small images, and their embeddings as one quiet process computes them."""
    root = tmp_path_factory.mktemp("many")
    for number in range(IMAGES):
        name = ("a", "b")[number % 2]
        colour = (number % 256, number // 16 % 256, 90)
        write_image(root / "data" / name / f"{number}.png", colour, seed=number)
    began = time.monotonic()
    with start(root, root / "cache") as process:
        wait_for_stage_one(process)
        seconds = time.monotonic() - began
        began = time.monotonic()
        assert finish(process) == IMAGES
    rows, found = embeddings(root / "cache", root / "data")
    assert found.all()
    return root, rows, time.monotonic() - began, seconds


def start(root, cache):
    words = [*EXTRACT, "--batch-size", "16", "--cache-dir", str(cache), "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "featx", *words],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_stage_one(process):
    line = process.stderr.readline()
    assert "images" in line or line == "", line


def finish(process):
    """Wait for an extraction to end well; return how many images it computed."""
    said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert "Traceback" not in complaints
    (done,) = json.loads(said)["embeddings"]
    return done["computed"]


def parts(cache_dir):
    return {path: path.stat().st_mtime_ns for path in cache_dir.glob("*/part-*.h5")}


def wait_for_a_commit(process, cache_dir, before):
    while parts(cache_dir) == before and process.poll() is None:
        time.sleep(0.001)


# Most of its time a process of this size only starts: of kills at any moment hardly
# one would find it at work. Fifteen of an extraction are in tests/embeddings; here it
# is a command that is killed, with a backbone.
@pytest.mark.slow
def test_kills_lose_nothing(many, tmp_path):
    root, expected, seconds, _ = many
    rng = random.Random(0)
    keys = digest_files(sorted((root / "data").rglob("*.png"))).keys
    committed, at_work, rounds = 0, 0, 0
    for number in range(3):
        cache_dir = tmp_path / str(rounds)
        before = parts(cache_dir)
        with start(root, cache_dir) as process:
            wait_for_stage_one(process)
            if number == 2:
                time.sleep(rng.uniform(0, seconds))
            else:
                wait_for_a_commit(process, cache_dir, before)
                time.sleep(rng.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            _, complaints = process.communicate()
        assert "Traceback" not in complaints
        present = 0
        if any(cache_dir.glob("*/spec.json")):
            rows, found = embeddings(cache_dir, root / "data")
            np.testing.assert_array_equal(rows[found], expected[found])
            present = int(found.sum())
        assert present >= committed
        at_work += 0 < present < len(keys)
        committed = present
        if committed == len(keys):
            rounds, committed = rounds + 1, 0
    with start(root, tmp_path / str(rounds)) as process:
        assert finish(process) == len(keys) - committed
    for cache_dir in tmp_path.iterdir():
        rows, found = embeddings(cache_dir, root / "data")
        assert found.all()
        np.testing.assert_array_equal(rows, expected)
    assert at_work > 0
    assert not list((tmp_path / str(rounds)).rglob(".aside-*"))


@pytest.mark.slow
def test_a_crowd_fills_one_cache(many, tmp_path):
    root, expected, *_ = many
    # Two: each takes seconds to start. Three that don't are in tests/embeddings.
    processes = [start(root, tmp_path) for _ in range(2)]
    computed = [finish(process) for process in processes]
    assert max(computed) <= IMAGES
    assert sum(computed) >= IMAGES
    rows, found = embeddings(tmp_path, root / "data")
    assert found.all()
    np.testing.assert_array_equal(rows, expected)
    for part in tmp_path.glob("*/part-*.h5"):
        with h5py.File(part) as file:
            assert len(file["key"]) == len(file["embedding"])


LIMITED = """
import resource, signal, sys
from featx.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_files_that_may_not_grow(work):
    """As on a full disk, where no small disk can be mounted."""
    words = [sys.executable, "-c", LIMITED, *EXTRACT]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("featx: error: ")
    assert "can't write (File too large)" in last
    assert list((work / "cache").glob("*/part-*")) == []


@pytest.mark.slow
def test_a_full_folder_for_temporary_files_stops_nothing(work, tiny_disk, monkeypatch):
    fill(tiny_disk)
    monkeypatch.setenv("TMPDIR", str(tiny_disk))
    words = [sys.executable, "-m", "featx", *EXTRACT, "--cache-dir", "elsewhere"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "36 computed" in done.stdout
    shutil.rmtree(work / "elsewhere")
