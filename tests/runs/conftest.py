"""Run contents as the pipeline makes them."""

import numpy as np
import pytest

from featx.runs.write import RunContents


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
            "n_test": len(paths),
        },
        paths=list(paths),
        labels=np.arange(len(paths)) % len(classes),
        probabilities=probabilities,
        head={"weights": np.arange(5.0)} if head is None else head,
        history={} if history is None else history,
    )
