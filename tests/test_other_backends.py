"""featx on JAX, where TensorFlow isn't installed, gives what it gives on TensorFlow.

`make other-backends` makes an environment with JAX, whose interpreter
``FEATX_JAX_PYTHON`` names; without it these tests are skipped.
"""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from featx.embeddings.comparison import largest_difference
from featx.embeddings.engines.trials import MOST_DIFFERENCE
from tests.on_a_backend import BACKBONES, HEADS

pytestmark = [pytest.mark.slow, pytest.mark.samples]

BACKENDS = ("tensorflow", "jax")


@pytest.fixture(scope="module")
def found(samples, tmp_path_factory):
    """Return the folder of what each backend computed."""
    python = os.environ.get("FEATX_JAX_PYTHON")
    if not python:
        pytest.skip("FEATX_JAX_PYTHON names no interpreter with featx and JAX")
    folders, processes = {}, []
    for backend, program in zip(BACKENDS, (sys.executable, python), strict=True):
        folders[backend] = tmp_path_factory.mktemp(backend)
        environment = {**os.environ, "KERAS_BACKEND": backend}
        if backend == "jax":  # the only one that is installed there
            del environment["KERAS_BACKEND"]
        processes.append(
            subprocess.Popen(
                [program, "-m", "tests.on_a_backend", samples, folders[backend]],
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    return folders


def read(found, name):
    return [json.loads((found[backend] / name).read_text()) for backend in BACKENDS]


def test_there_is_no_tensorflow(found):
    _, facts = read(found, "facts.json")
    assert facts == {"backend": "jax", "installed": ["jax"], "imported": ["jax"]}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_same_photo_gives_the_same_row(found, backbone):
    expected, rows = (
        np.load(found[backend] / "embeddings.npz")[backbone] for backend in BACKENDS
    )
    assert largest_difference(rows, expected) <= MOST_DIFFERENCE


@pytest.mark.parametrize("head", HEADS)
def test_trained_heads_answer_the_same(found, head):
    expected, answers = (
        np.load(found[backend] / "probabilities.npz")[head] for backend in BACKENDS
    )
    np.testing.assert_allclose(answers, expected, atol=1e-4)


@pytest.mark.parametrize("head", ["svm", "lda", "logreg", "softmax"])
def test_runs_have_the_same_scores(found, head):
    expected, metrics = read(
        found, f"reports/dogs-vs-cats-mobilenetv2-0.35-{head}/metrics.json"
    )
    assert 0.8 < metrics["accuracy"] < 1
    assert_near(metrics, expected)


def assert_near(found, expected):
    """Compare what JSON can hold; numbers may differ by rounding."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_near(found[key], expected[key])
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_near(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)
    else:
        assert found == expected


def test_runs_name_the_backend(found):
    for backend in BACKENDS:
        for run in (found[backend] / "reports").glob("*/run.json"):
            versions = json.loads(run.read_text())["versions"]
            assert set(BACKENDS) & set(versions) == {backend}


def test_predictions_are_the_same(found):
    tables = [
        list(csv.reader((found[backend] / "predictions.csv").read_text().splitlines()))
        for backend in BACKENDS
    ]
    (header, *expected), (other_header, *rows) = tables
    assert header == other_header
    assert len(rows) == len(expected) > 50
    for row, other in zip(rows, expected, strict=True):
        assert row[:2] == other[:2]
        np.testing.assert_allclose([*map(float, row[2:])], [*map(float, other[2:])],
                                   atol=1e-3)  # fmt: skip


def test_imagenet_names_the_cat(found):
    assert "Siamese_cat 0.9" in (found["jax"] / "imagenet.txt").read_text()


def test_what_needs_tensorflow_says_so_before_any_work(found):
    refused = json.loads((found["jax"] / "refused.json").read_text())
    assert set(refused) == {"train", "finetune", "export"}
    for code, _, errors in refused.values():
        assert code == 1
        (line,) = errors.splitlines()
        assert line.startswith("featx: error: ")
        assert line.endswith(
            " needs TensorFlow: TensorFlow isn't installed; pip install"
            " 'featx[tensorflow]'"
        )
