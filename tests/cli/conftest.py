"""Running `featx` as a user does."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from featx.cli.main import main
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


def run_process(*words, **options):
    """Run `python -m featx` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "featx", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
