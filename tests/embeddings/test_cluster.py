"""Stage one on a real cluster of Ray: two nodes, on this machine."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import psutil
import pytest

from benchmarks.memory import repeat_photos
from benchmarks.photos import draw_photos
from featx.embeddings.cache.inventory import find_caches
from featx.embeddings.cache.parts import read_blocks
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.cluster import RayCluster, on_ray
from featx.embeddings.extract import extract
from featx.errors import AddressError, BackboneError
from featx.images.digests import digest_files
from featx.images.sources import ImageFiles
from tests.conftest import FakeExtractor, write_image

ROOT = Path(__file__).parents[2]
IMAGES = int(os.environ.get("FEATX_RAY_IMAGES", "1000"))
"""Of the run that is killed three times."""

slow = pytest.mark.slow


class Node:
    """A node of a cluster, whose processes can be killed together."""

    def __init__(self, *words, environment):
        command = [
            sys.executable,
            "-u",
            "-m",
            "ray.scripts.scripts",
            "start",
            "--block",
        ]
        command += ["--num-cpus=1", "--disable-usage-stats", *words]
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, pattern):
        for line in self.process.stdout:
            found = re.search(pattern, line)
            if found:
                return found[1]
        raise AssertionError(f"the node ended with {self.process.wait()}")

    def kill(self):
        inside = psutil.Process(self.process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for one in inside:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()
        self.process.stdout.close()


class Cluster:
    """A head and a second node, as separate processes."""

    def __init__(self, folder):
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_MODE": "disabled",
            "RAY_health_check_failure_threshold": "2",
            "RAY_health_check_period_ms": "1000",
        }
        self.head = Node(
            "--head",
            "--port=0",
            "--include-dashboard=false",
            f"--temp-dir={folder}",
            environment=self.environment,
        )
        self.address = self.head.wait_for(r"--address='([^']+)'")
        self.add_node()

    def add_node(self):
        self.node = Node(f"--address={self.address}", environment=self.environment)
        self.node.wait_for("(runtime started)")

    def close(self):
        for one in (self.node, self.head):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def workers(self):
        """Return the processes that embed."""
        found = []
        for one in psutil.process_iter(["cmdline"]):
            words = one.info["cmdline"] or [""]
            if "_Worker" in words[0] and words[0].startswith("ray::"):
                found.append(one)
        return found

    def extract(self, data, cache, *words):
        """Start the command on the cluster."""
        command = [sys.executable, "-m", "featx", "extract", str(data)]
        command += ["--backbone", "mobilenet-0.25", "--image-size", "64"]
        command += ["--weights", "random", "--cache-dir", str(cache), "--json"]
        # Which others are the fastest depends on what else the machine does.
        command += ["--engine", "tensorflow", "--precision", "float32"]
        return subprocess.Popen(
            [*command, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def extract_on_it(self, data, cache):
        return self.extract(data, cache, "--ray", self.address)


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="the extra ray is not installed")
    # The paths of sockets may not be long.
    folder = tempfile.mkdtemp(prefix="ray-")
    started = Cluster(folder)
    yield started
    started.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Make a data folder with many images, each with bytes of its own."""
    place = tmp_path_factory.mktemp("photos")
    drawn = sorted(draw_photos(place / "drawn", 20).rglob("*.jpg"))
    repeat_photos([path.read_bytes() for path in drawn], place / "data", IMAGES)
    return place / "data"


def rows_of(cache_dir):
    """Return the rows of the only spec in a cache, by key."""
    (cache,) = find_caches(cache_dir).caches
    found = {}
    for path, names in cache.keys_by_part(cache.set_aside):
        rows = np.concatenate([block for _, block in read_blocks(path)])
        for key, row in zip(names, rows, strict=True):
            assert key not in found or np.array_equal(found[key], row)
            found[key] = row
    assert not cache.notes
    return found


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def parts(cache_dir):
    return list(cache_dir.glob("*/part-*.h5"))


def ended(process):
    """Return what a command printed, which must have ended well."""
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return out


class RayError(Exception):
    """Stands for `ray.exceptions.RayError`, which wraps what a worker raised."""


class Dataset:
    """Stands for Ray Data: parts are worked on here, one after the other."""

    def __init__(self, items):
        self.items = items

    def map(self, function, **options):
        arguments = options.get("fn_constructor_args")
        self.function = function(*arguments) if arguments else function
        return self

    def iter_rows(self):
        for item in self.items:
            try:
                yield self.function(item)
            except Exception as error:
                raise RayError("a task failed") from error


class Task:
    """Stands for a function that Ray runs elsewhere."""

    def __init__(self, function):
        self.function = function

    def remote(self, *words, **options):
        return self.function(*words, **options)


@pytest.fixture
def in_process(monkeypatch):
    """Have Ray's calls answered within this process; return the stand-in."""
    context = SimpleNamespace()
    data = ModuleType("ray.data")
    data.from_items = lambda items, override_num_blocks: Dataset(items)
    data.DataContext = SimpleNamespace(get_current=lambda: context)
    exceptions = ModuleType("ray.exceptions")
    exceptions.RayError = RayError
    ray = ModuleType("ray")
    ray.data, ray.exceptions, ray.closed = data, exceptions, 0
    ray.init = lambda **_: None
    ray.cluster_resources = lambda: {"CPU": 2}
    ray.nodes = lambda: [{"Alive": True, "Resources": {"CPU": 1}}] * 2
    ray.remote = lambda **_: Task
    ray.get = lambda value: value

    def shutdown():
        ray.closed += 1

    ray.shutdown = shutdown
    for module in (ray, data, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return ray


@pytest.fixture
def pictures(tmp_path):
    """Twenty image files; one is a copy, and one no image."""
    files = [
        write_image(tmp_path / "images" / f"{i:02}.png", (i, 2 * i, 200), seed=i)
        for i in range(18)
    ]
    copy, text = files[0].with_name("copy.png"), files[0].with_name("text.png")
    shutil.copy(files[0], copy)
    text.write_text("no image")
    return [*files, copy, text]


def extract_with(cluster, files, extractor, cache_dir, **options):
    done = []
    digests = cluster.digest(files, lambda *counts: done.append(counts))
    source = ImageFiles(files, digests)
    (extraction,) = extract(source, [extractor], cache_dir, cluster=cluster, **options)
    assert done[-1] == (len(files), len(files))
    return source, extraction


def test_workers_compute_what_the_cache_lacks(
    in_process, pictures, extractor, tmp_path
):
    told = []
    with on_ray("") as cluster:
        source, first = extract_with(
            cluster,
            pictures,
            extractor,
            tmp_path / "cache",
            update=lambda *counts: told.append(counts),
        )
        _, again = extract_with(cluster, pictures, extractor, tmp_path / "cache")

    assert (first.computed, first.cached) == (18, 0)
    assert list(first.unreadable) == [19]
    assert (again.computed, again.cached) == (0, 19)
    assert told[-1] == (19, 19)
    assert str(cluster) == "2 machines"
    assert in_process.closed == 1
    rows, found = EmbeddingCache(tmp_path / "cache", extractor.spec).read(
        source.digests.keys
    )
    assert found[:19].all()
    assert np.array_equal(rows[0], rows[18])
    # A worker keeps its model from part to part.
    assert extractor.opened == 1


def test_files_that_cannot_be_opened_are_unreadable(in_process, pictures, extractor):
    pictures[3].unlink()
    digests = RayCluster().digest(pictures)

    assert list(digests.unreadable) == [3]
    assert digests.keys[4].tobytes() == digest_files([pictures[4]]).keys.tobytes()


def test_gpus_get_a_worker_each(in_process):
    in_process.cluster_resources = lambda: {"CPU": 32, "GPU": 4}
    cluster = RayCluster()

    assert cluster.workers == 4
    assert str(cluster) == "4 GPUs"


def test_a_workers_error_is_raised_as_it_was(in_process, pictures, tmp_path):
    class Broken(FakeExtractor):
        def open(self):
            raise BackboneError("too large for this machine")

    with pytest.raises(BackboneError, match="too large for this machine"):
        extract_with(RayCluster(), pictures, Broken(), tmp_path / "cache")


def test_another_error_of_a_worker_names_the_option(in_process, pictures, tmp_path):
    class Broken(FakeExtractor):
        def open(self):
            raise RuntimeError("out of luck")

    with pytest.raises(AddressError, match="--ray: a task failed"):
        extract_with(RayCluster(), pictures, Broken(), tmp_path / "cache")


def test_a_cluster_that_refuses(in_process):
    def refuse(**_):
        raise ConnectionError("wrong version")

    in_process.init = refuse

    with pytest.raises(AddressError, match=r"no cluster can be reached .wrong version"):
        RayCluster()


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(AddressError, match=r'pip install "featx\[ray\]"'):
        RayCluster()


def test_no_address_is_no_cluster():
    with on_ray(None) as cluster:
        assert cluster is None


@slow
@pytest.mark.timeout(1800)
def test_killed_three_times_it_has_the_rows_of_one_machine(cluster, photos, tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    ended(cluster.extract(photos, alone))
    expected = rows_of(alone)
    assert len(expected) == IMAGES

    # A worker is killed: Ray starts another one.
    first = cluster.extract_on_it(photos, together)
    wait_for(lambda: parts(together))
    cluster.workers()[0].kill()
    # The driver is killed.
    count = len(parts(together))
    wait_for(lambda: len(parts(together)) > count)
    first.kill()
    first.communicate()
    wait_for(lambda: not cluster.workers())
    kept = rows_of(together)
    assert 0 < len(kept) < IMAGES

    # A node is killed, with all that runs on it.
    second = cluster.extract_on_it(photos, together)
    count = len(parts(together))
    wait_for(lambda: len(parts(together)) > count)
    cluster.node.kill()
    said = ended(second)
    cluster.add_node()

    assert f'"cached": {len(kept)}' in said
    assert f'"computed": {IMAGES - len(kept)}' in said
    found = rows_of(together)
    assert found.keys() == expected.keys()
    apart = [np.abs(found[key] - row).max() for key, row in expected.items()]
    assert max(apart) == 0


@slow
@pytest.mark.timeout(300)
def test_unreadable_images_and_copies(cluster, tmp_path):
    data, cache = tmp_path / "data", tmp_path / "cache"
    draw_photos(data, 12)
    files = sorted(data.rglob("*.jpg"))
    shutil.copy(files[0], files[0].with_name("copy.jpg"))
    files[1].write_bytes(b"no image")

    said = ended(cluster.extract_on_it(data, cache))

    assert '"computed": 11' in said
    assert files[1].name in said
    (listed,) = cache.glob("*/quarantine.csv")
    assert "not an image" in listed.read_text()


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("photos", "no address like 10.0.0.1:6379; write DATA before --ray"),
        ("127.0.0.1:1", "no cluster can be reached .*ray start --head"),
        ("127.0.0.1:99999", "no address like 10.0.0.1:6379"),
        (f"{'a' * 64}:80", "no cluster can be reached .*ray start --head"),
    ],
)
def test_no_cluster_at_the_address(address, message):
    with pytest.raises(AddressError, match=message):
        RayCluster(address)
