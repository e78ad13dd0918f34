"""Running `featx` as a user does."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from featx.cli.main import main
from featx.cli.terminal import logged
from tests.conftest import make_colours


@pytest.fixture
def run():
    """Run a command in this process; returns exit code, stdout and stderr."""

    def run(*words):
        return CliRunner().invoke(main, [str(word) for word in words])

    return run


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder to work in, with data/train/ and data/test/ trees of colours."""
    make_colours(tmp_path / "data", size=(40, 40))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said():
    """Print what is logged, as within a command."""
    with logged():
        yield


def in_folder(folder, *words):
    """Run a command in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.stderr


def run_process(*words, **options):
    """Run `python -m featx` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "featx", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


# Runs a program that may not pass over permissions, even as root: the capabilities
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH are dropped for good.
GIVE_UP_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2) if os.geteuid() == 0 else ():
    assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
WITH_FEW_RIGHTS = (sys.executable, "-c", GIVE_UP_RIGHTS)

# The command succeeds, and none of these was imported on the way.
WITHOUT_FRAMEWORKS = """
import sys
from featx.cli.main import main
try:
    main({words!r})
except SystemExit as left:
    assert not left.code
heavy = {{"tensorflow", "keras", "sklearn", "xgboost", "matplotlib"}}
assert not heavy & set(sys.modules)
"""


def run_script(script):
    """Run Python code in a process of its own; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def read_terminal(handle):
    """Return all bytes that were written to a terminal whose other end is closed."""
    shown = b""
    try:
        while piece := os.read(handle, 65536):
            shown += piece
    except OSError:  # how a closed terminal ends on Linux
        pass
    return shown
