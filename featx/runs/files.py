"""The files of a run folder, by name, and how to say that one is damaged."""

import hashlib
from pathlib import Path

from featx.errors import RunError
from featx.files import open_file

RUN_FILE = "run.json"
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.csv"
HELD_OUT_FILE = "held_out.csv"
CV_PREDICTIONS_FILE = "cv_predictions.h5"
FAMILIARITY_FILE = "familiarity.safetensors"
HISTORY_FILE = "history.csv"
PRETRAINING_FILE = "pretraining.csv"
HEAD_FILE = "head.safetensors"
PICKLED_HEAD_FILE = "head.joblib"
RECIPE_FILE = "recipe.toml"
MODEL_FILE = "model.keras"

AUGMENTED_FILE = "augmented.png"
"""Training images and what they were trained as, where they were augmented."""

RECONSTRUCTIONS_FILE = "reconstructions.png"
"""Images beside what an autoencoder made of them, where there was pre-training."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def damaged(path: Path, reason: object) -> RunError:
    """Return the error of a file that isn't as featx writes it."""
    return RunError(
        f"{path}: damaged ({reason}); delete its folder and make the run again"
    )


def check_sha256(path: Path, expected: str) -> None:
    """Check that a file has the SHA-256 that `run.json` states.

    Raises
    ------
    RunError
        It has another one.
    FileNotFoundError
    """
    if sha256_of(path) != expected:
        raise damaged(path, f"its SHA-256 is not the one in {RUN_FILE}")
