"""Commands that are killed at any moment lose nothing, and go on when run again."""

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from featx.runs.read import list_runs
from tests.conftest import make_colours

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("FEATX_KILLS", "2"))
"""How often each command is killed."""

# In float32: which precision is chosen depends on how busy the machine is.
SMALL = (
    *("--backbone", "mobilenet-0.25", "--image-size", "32"),
    *("--weights", "random", "--precision", "float32"),
)
LDA = "data-mobilenet-0.25-random-lda"
COMMANDS = [
    ["extract", *SMALL],
    ["fit", *SMALL, "--head", "softmax", "--head", "lda", "--head", "gboost"],
    [
        *("finetune", LDA, "--epochs", "2", "--batch-size", "8", "--unfreeze", "none"),
        *("--augment", "none"),
    ],
    ["report"],
    ["export", LDA],
    ["cache", "prune"],
]


def start(words, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "featx", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(words, folder):
    """Run a command to its end; return the seconds that it took."""
    before = time.monotonic()
    process = start(words, folder)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    return time.monotonic() - before


def everything(folder):
    """Return what each run predicts, by name, and which files there are."""
    runs = list_runs(folder / "reports", note=pytest.fail)
    predicted = {run.name: run.predictions().probabilities for run in runs}
    files = {
        path.relative_to(folder / "reports").as_posix()
        for path in (folder / "reports").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    return predicted, files


def test_kills_lose_nothing(tmp_path):
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for folder in (calm, killed):
        folder.mkdir()
        make_colours(folder / "data", train=8, size=(40, 40))
    rng = random.Random(0)
    for words in COMMANDS:
        seconds = finish(words, calm)
        for _ in range(KILLS):
            process = start(words, killed)
            time.sleep(rng.uniform(0.2, seconds))
            process.kill()
            said, _ = process.communicate()
            assert "Traceback" not in said
            if (killed / "reports").is_dir():
                list_runs(killed / "reports", note=pytest.fail)
        finish(words, killed)
    expected, files = everything(calm)
    found, found_files = everything(killed)
    assert found_files == files
    for name, probabilities in expected.items():
        np.testing.assert_allclose(found[name], probabilities, atol=1e-4, err_msg=name)
