"""Run contents as the pipeline makes them."""

import numpy as np
import pytest

from featx.runs.write import RunContents, write_run
from tests.heads.blobs import tiny_head

FINETUNED = {
    "parent": {"accuracy": 0.71, "interval": [0.69, 0.73], "val_accuracy": 0.7},
    "gain": 0.011,
    "gain_interval": [-0.008, 0.03],
    "val_gain": 0.01,
    "val_gain_interval": [-0.012, 0.032],
    "epochs": 5,
    "recommended": "head",
    "graft": {
        "largest_difference": 3.2e-6,
        "images": 400,
        "tolerance": 1e-4,
        "largest_logit": 31.4,
        "drift": None,
        "distilled_agreement": None,
    },
    "boundary": None,
}
"""What `metrics.json` says under `finetune`."""


@pytest.fixture(scope="session")
def make_contents():
    """Return a function that makes the contents of a run."""
    return contents


def contents(
    name="pets-resnet50-svm",
    *,
    classes=("cat", "dog"),
    paths=("a.jpg", "b.jpg", "c.jpg"),
    cv_accuracy=0.9,
    data="d0",
    head=None,
    history=None,
    held_out=None,
    **info,
):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(len(classes)), len(paths))
    return RunContents(
        name=name,
        info={
            "data": {"name": "pets", "root": "pets", "fingerprint": data},
            "backbone": "resnet50",
            "weights": "imagenet",
            "head": "svm",
            **info,
        },
        metrics={
            "cv_accuracy": cv_accuracy,
            "accuracy": 0.5,
            "classes": list(classes),
            "confusion_matrix": np.zeros((len(classes),) * 2, int).tolist(),
            "per_class": {
                name: {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
                for name in classes
            },
            "n_train": 9,
            "n_test": len(paths),
            **({"finetune": FINETUNED} if info.get("kind") == "finetune" else {}),
        },
        paths=list(paths),
        labels=np.arange(len(paths)) % len(classes),
        probabilities=probabilities,
        head=tiny_head(len(classes)) if head is None else head,
        history={} if history is None else history,
        held_out=held_out,
    )


@pytest.fixture
def run(tmp_path, make_contents):
    """A run in a folder of its own."""
    return write_run(tmp_path, make_contents(fingerprint="f0", history={"loss": [1]}))


def one_line(caught, path):
    """Assert that an error is one line that names a path; return it."""
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


_SIZES = (3.0, 6.0, 12.0)

LEARNING_CURVE = {
    "points": [
        {
            "images": 25 * size,
            "images_per_class": size,
            "accuracy": accuracy,
            "std": std,
            "fits": fits,
        }
        for size, accuracy, std, fits in zip(
            _SIZES,
            (0.625, 0.716, 0.779),
            (0.031, 0.022, None),
            (20, 10, 5),
            strict=True,
        )
    ],
    "law": {"a": 0.6, "b": 0.5, "c": 0.05},
    "fitted": [
        {
            "images_per_class": size,
            "accuracy": 0.95 - 0.6 * size**-0.5,
            "interval": [0.9 - 0.6 * size**-0.5, 1 - 0.6 * size**-0.5],
        }
        for size in (*_SIZES, 24.0)
    ],
    "forecast": {
        "images": 600.0,
        "images_per_class": 24.0,
        "accuracy": 0.828,
        "interval": [0.778, 0.878],
    },
    "reason": "",
}
"""The learning curve of a head, as `metrics.json` has it."""
