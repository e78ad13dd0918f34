"""What many tests share: small image folders and a backbone that is no network."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from featx.embeddings.spec import Spec
from featx.progress import Progress
from tests.made_runs import (  # noqa: F401  fixtures
    make_finetuned,
    make_run,
    odd_names,
    plain_figures,
)

# The fast run draws the same few examples each time; `make slow` draws many others.
# A slow example is no failure: the machine may be busy.
settings.register_profile("fast", deadline=None, max_examples=20, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=200)
settings.load_profile("fast")


def pytest_configure():
    """Let child processes be interrupted, even if the caller ignores SIGINT.

    A shell starts `make test &` with SIGINT ignored, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


MANY_OBJECTS = 20_000


def pytest_runtest_teardown():
    """Keep what lasts out of the garbage collector's sight.

    Keras collects garbage each time it builds a model, which takes a third of the
    time where a million objects of TensorFlow's have to be looked through. Each
    training adds some thousands, since TensorFlow keeps the graphs that it traced.
    """
    if "keras" in sys.modules and len(gc.get_objects()) > MANY_OBJECTS:
        gc.collect()
        gc.freeze()


class MeanColour:
    """An engine: the mean of each channel and a constant, from 0 to 1."""

    name = "mean colour"
    dim = 4
    batch_size = 32

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, batch):
        assert batch.dtype == np.uint8
        self.calls.append(len(batch))
        means = batch.reshape(len(batch), -1, 3).mean(axis=1) / 255
        return np.hstack([means, np.ones((len(batch), 1))]).astype(np.float32)


@dataclass
class FakeExtractor:
    """Stands where a backbone stands; counts what it is asked."""

    spec: Spec = field(
        default_factory=lambda: Spec(
            backbone="mean-colour", image_size=8, weights="file", weights_id="0"
        )
    )
    dim: int = MeanColour.dim
    opened: int = 0
    calls: list[int] = field(default_factory=list)

    def open(self):
        self.opened += 1
        return MeanColour(self.calls)

    def flipped(self):
        return replace(self, spec=replace(self.spec, flip=True))


class Noted(Progress):
    """Keeps the notes."""

    def __init__(self):
        self.notes = []

    def note(self, line):
        self.notes.append(line)


@pytest.fixture
def extractor():
    return FakeExtractor()


def write_image(path, colour, *, size=(12, 10), noise=20, seed=0):
    """Write an image of about one colour; the seed makes its content its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = np.array(colour) + rng.integers(-noise, noise + 1, (*size, 3))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return path


COLOURS = {"blue": (40, 60, 200), "green": (40, 200, 60), "red": (200, 40, 60)}


@pytest.fixture
def colours(tmp_path):
    """A data folder with train/ and test/ trees of three classes of colour."""
    return make_colours(tmp_path / "data")


def make_colours(root, *, train=8, test=4, size=(12, 10)):
    """Write `train/<colour>/` and `test/<colour>/` trees."""
    seed = 0
    for part, count in (("train", train), ("test", test)):
        for name, colour in COLOURS.items():
            for number in range(count):
                seed += 1
                path = root / part / name / f"{number:03}.png"
                write_image(path, colour, seed=seed, size=size, noise=40)
    return root


@contextlib.contextmanager
def public_folder():
    """Make a folder that everybody may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def open_folder():
    with public_folder() as folder:
        yield folder


NOBODY = 65534


@contextlib.contextmanager
def read_only(folder):
    """Take away the right to write below a folder, even from root."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def unwritable(open_folder):
    """A folder that this process may not write to, even where it is root's."""
    with read_only(open_folder):
        yield open_folder


@pytest.fixture(scope="session")
def samples():
    """The folder of real image sets; tests that need it are skipped without."""
    folder = os.environ.get("FEATX_SAMPLES")
    if not folder:
        pytest.skip("FEATX_SAMPLES names no folder of real images")
    return Path(folder)


@contextlib.contextmanager
def mounted_disk(folder, size):
    """Mount a small disk at a folder; the test is skipped where that isn't allowed."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def run_at_once(script, folder, names):
    """Run a script in a process for each name; they wait for a line, to begin together.

    The script gets the folder and a name, and must end well.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder), name], stdin=subprocess.PIPE
        )
        for name in names
    ]
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        with process:
            assert process.wait() == 0
