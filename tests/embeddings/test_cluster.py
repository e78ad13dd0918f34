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

import numpy as np
import psutil
import pytest

from benchmarks.memory import repeat_photos
from benchmarks.photos import draw_photos
from featx.embeddings.cache.inventory import find_caches
from featx.embeddings.cache.parts import read_blocks
from featx.embeddings.cluster import RayCluster
from featx.errors import AddressError

ROOT = Path(__file__).parents[2]
IMAGES = int(os.environ.get("FEATX_RAY_IMAGES", "1000"))
"""Of the run that is killed three times."""

pytest.importorskip("ray", reason="the extra ray is not installed")
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


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("photos", "no address like 10.0.0.1:6379; write DATA before --ray"),
        ("127.0.0.1:1", "no cluster can be reached .*ray start --head"),
    ],
)
def test_no_cluster_at_the_address(address, message):
    with pytest.raises(AddressError, match=message):
        RayCluster(address)
