"""Images come in order, whoever decodes them; a crash takes one image only."""

import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from featx.errors import ImageError
from featx.images import decode_ahead as module
from featx.images import decoding_processes
from featx.images.decode_ahead import Decoders, decode_ahead
from featx.images.decoding_processes import CRASHED, DecodingProcesses
from featx.images.sources import ImageArrays, ImageFiles, View
from tests.conftest import write_image

SMALL, LARGE = View(8), View(12, flip=True)


class Deadly(ImageFiles):
    """Files of which some kill the process that decodes them.

    One named ``once`` does so the first time only.
    """

    def show(self, row, views):
        path = self.files[row]
        seen = path.with_suffix(".seen")
        if path.stem == "deadly" or (path.stem == "once" and not seen.exists()):
            seen.touch()
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().show(row, views)


class Counting(ImageFiles):
    """Files that count how many were decoded in this process."""

    shown = 0

    def show(self, row, views):
        self.shown += 1
        return super().show(row, views)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    found = [
        write_image(folder / f"{i:02}.png", (9 * i, 90, 200), seed=i) for i in range(24)
    ]
    found[5].write_text("no image")
    return found


def items(count):
    """Return rows that want different views."""
    both = frozenset({SMALL, LARGE})
    return [(row, both if row % 3 else frozenset({SMALL})) for row in range(count)]


def decoded(source, decoders, count=None):
    wanted = items(count or len(source.names))
    with decode_ahead(source, wanted, decoders) as shown:
        found = list(shown)
    assert [row for row, _ in found] == [row for row, _ in wanted]
    return [views for _, views in found]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, ImageError):
            assert (str(one), one.lasting) == (str(other), other.lasting)
        else:
            assert one.keys() == other.keys()
            for view, pixels in other.items():
                np.testing.assert_array_equal(one[view], pixels)


@pytest.fixture(scope="module")
def expected(files):
    return decoded(ImageFiles(files), Decoders("threads", 1))


def shared_memory():
    folder = Path("/dev/shm")
    return set(folder.glob("psm_*")) if folder.is_dir() else set()


def test_processes_give_what_threads_give(files, expected):
    before = shared_memory()
    found = decoded(ImageFiles(files), Decoders("processes", 2))
    assert isinstance(expected[5], ImageError)
    assert_same(found, expected)
    assert shared_memory() <= before
    assert not psutil.Process().children(recursive=True) or all(
        "resource_tracker" in " ".join(child.cmdline())
        for child in psutil.Process().children()
    )


def test_any_number_of_threads(files, expected):
    for count in (2, 5):
        assert_same(decoded(ImageFiles(files), Decoders("threads", count)), expected)


def test_nothing_to_decode(files):
    for where in ("threads", "processes", "auto"):
        with decode_ahead(ImageFiles(files), [], Decoders(where)) as shown:
            assert list(shown) == []


def test_arrays_are_not_sent_to_processes():
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 9, 3), np.uint8)
    found = decoded(ImageArrays(images), Decoders("processes", 2))
    assert_same(found, decoded(ImageArrays(images), Decoders("threads", 1)))


@pytest.mark.slow
def test_an_image_that_kills_its_process_is_the_only_one_lost(files, tmp_path):
    deadly = write_image(tmp_path / "deadly.png", (1, 2, 3))
    once = write_image(tmp_path / "once.png", (1, 2, 3))
    paths = [*files[:3], deadly, *files[6:20], once, *files[20:]]
    found = decoded(Deadly(paths), Decoders("processes", 2))
    assert str(found[3]) == CRASHED
    assert found[3].lasting
    others = [paths[row] for row in range(len(paths)) if row != 3]
    expected = [
        ImageFiles([path]).show(0, views)
        for path, (_, views) in zip(paths, items(len(paths)), strict=True)
        if path in others
    ]
    assert_same([one for row, one in enumerate(found) if row != 3], expected)


def test_where_no_process_can_be_started(files, expected, monkeypatch, caplog):
    monkeypatch.setattr(decoding_processes, "_most_bytes", lambda: 10)
    found = decoded(ImageFiles(files), Decoders("processes", 2))
    assert_same(found, expected)
    assert "decoding in threads, as processes can't be started" in caplog.text


@pytest.fixture
def eager(monkeypatch, caplog):
    """Let the first images decide whether processes take over."""
    caplog.set_level(logging.DEBUG, "featx")
    monkeypatch.setattr(module, "WATCHED", 8)
    monkeypatch.setattr(module, "FEWEST_LEFT", 5)
    monkeypatch.setattr(module, "FEWEST_CORES", 2)
    monkeypatch.setattr(module, "images_ahead", lambda _: 4)


class Awaited(DecodingProcesses):
    """Processes that are waited for."""

    def start(self):
        super().start()
        wait(self._starting)


@pytest.mark.usefixtures("eager")
def test_processes_take_over_where_the_model_waits(files, monkeypatch, caplog):
    monkeypatch.setattr(module, "DecodingProcesses", Awaited)
    paths = [path for path in files if path != files[5]] * 4
    found = decoded(ImageFiles(paths), Decoders("auto", 2))
    assert_same(found, decoded(ImageFiles(paths), Decoders("threads", 1)))
    assert "decoding in 2 processes" in caplog.text


@pytest.mark.usefixtures("eager")
def test_threads_go_on_until_processes_have_started(files, monkeypatch, caplog):
    class Late(Awaited):
        @property
        def have_started(self):
            return "now" in caplog.text

    monkeypatch.setattr(module, "DecodingProcesses", Late)
    source = Counting([path for path in files if path != files[5]] * 4)
    with decode_ahead(source, items(92), Decoders("auto", 2)) as shown:
        found = list(islice(shown, 60))
        by_threads = source.shown
        logging.getLogger("featx").debug("now")
        found += shown
    assert by_threads >= 60
    # The last ones were decoded elsewhere.
    assert source.shown < 92
    assert [row for row, _ in found] == list(range(92))
    expected = decoded(source, Decoders("threads", 1))
    assert_same([views for _, views in found], expected)


@pytest.mark.usefixtures("eager")
def test_threads_go_on_where_processes_cannot_start(files, expected, monkeypatch):
    monkeypatch.setattr(decoding_processes, "_most_bytes", lambda: 10)
    assert_same(decoded(ImageFiles(files), Decoders("auto", 2)), expected)


def test_threads_go_on_where_they_keep_up(files, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG, "featx")
    monkeypatch.setattr(module, "WATCHED", 8)
    monkeypatch.setattr(module, "FEWEST_LEFT", 5)
    monkeypatch.setattr(module, "FEWEST_CORES", 2)
    with decode_ahead(ImageFiles(files), items(24), Decoders("auto", 2)) as shown:
        for _ in shown:
            time.sleep(0.01)  # the model
    assert "the model waits" in caplog.text
    assert "processes" not in caplog.text


SCRIPT = """
import sys, time
from pathlib import Path
from featx.images.decode_ahead import Decoders, decode_ahead
from featx.images.sources import ImageFiles, View

if __name__ == "__main__":
    source = ImageFiles(sorted(Path(sys.argv[1]).glob("*.png")) * 500)
    items = [(row, frozenset({View(64)})) for row in range(len(source.names))]
    with decode_ahead(source, items, Decoders("processes", 2)) as shown:
        for number, _ in enumerate(shown):
            if number == 40:
                print("decoding", flush=True)
            time.sleep(0.001)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals, and /dev/shm")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_behind(files, tmp_path, how):
    before = shared_memory()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script), str(files[0].parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "decoding\n"
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)
    _, said = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    deadline = time.monotonic() + 20
    while shared_memory() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert shared_memory() <= before
    # One traceback, that of the program itself.
    assert said.count("KeyboardInterrupt") <= 1, said
