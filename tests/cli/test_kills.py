"""Commands that are killed at any moment lose nothing, and go on when run again."""

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from featx.runs.read import list_runs
from tests.cli.conftest import in_folder
from tests.conftest import make_colours

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("FEATX_KILLS", "1"))
"""How often each command is killed."""

# In float32: which precision is chosen depends on how busy the machine is. The first
# blocks of a backbone: how long it takes to build, kills don't mind.
SMALL = (
    *("--backbone", "mobilenet-0.25", "--image-size", "32", "--weights", "random"),
    *("--precision", "float32", "--layer", "conv_pw_2_relu"),
)
LDA = "data-mobilenet-0.25-random-lda"
COMMANDS = [
    ["rank", *SMALL, "--images", "9"],
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


def seconds_of(work, *words):
    before = time.monotonic()
    work(*words)
    return time.monotonic() - before


def start_keras():
    """Start a process that does nothing but to import what commands need."""
    script = "from featx.frameworks import import_keras; import_keras()"
    subprocess.run([sys.executable, "-c", script], check=True)


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
    starting = seconds_of(start_keras)
    for words in COMMANDS:
        # What ends well runs in this process, which has started Keras already.
        seconds = starting + seconds_of(in_folder, calm, *words)
        for _ in range(KILLS):
            process = start(words, killed)
            time.sleep(rng.uniform(starting / 2, seconds))
            process.kill()
            said, _ = process.communicate()
            assert "Traceback" not in said
            if (killed / "reports").is_dir():
                list_runs(killed / "reports", note=pytest.fail)
        in_folder(killed, *words)
    expected, files = everything(calm)
    found, found_files = everything(killed)
    assert found_files == files
    for name, probabilities in expected.items():
        np.testing.assert_allclose(found[name], probabilities, atol=1e-4, err_msg=name)
