"""The files of a run folder, by name, and how to say that one is damaged."""

import hashlib
from pathlib import Path

from featx.errors import RunError

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
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def damaged(path: Path, reason: object) -> RunError:
    """Return the error of a file that isn't as featx writes it."""
    return RunError(
        f"{path}: damaged ({reason}); delete its folder and make the run again"
    )
