"""Synthetic runs, written as the pipeline writes them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from featx.figures.style import new_figure, png
from featx.reports.run.page import SECTIONS
from featx.reports.run.section import RunPage
from featx.runs.info import RunInfo
from featx.runs.metrics import Metrics
from featx.runs.write import RunContents, write_run
from tests.heads.blobs import tiny_head
from tests.runs.conftest import FINETUNED

ODD_NAMES = [
    "$x$ and $y^2_",
    "a_b",
    "<b>&amp;</b>",
    "<script>alert(1)</script>",
    "猫と犬の写真",
    "a class name of much more than forty characters, which is long",
    "another class name of much more than forty characters, as long",
    "кошка",
    "قط",
    "two\nlines",
    "\U0001f436 dog",
    "\\alpha\\$",
]


def drawn(run):
    """Return the figures of a run's page, file name to PNG."""
    page = RunPage(run)
    for section in SECTIONS:
        section.content(page)
    return page.figures


def with_metrics(run, **changes):
    """Return a run with other metrics than its file has."""
    content = {**run.metrics.as_dict(), **changes}
    return replace(run, metrics=Metrics.model_validate(content))


def with_info(run, **changes):
    """Return a run with other facts than its file has."""
    content = {**run.info.as_dict(), **changes}
    return replace(run, info=RunInfo.model_validate(content))


def _scores(matrix):
    hits = np.diag(matrix)
    precision = hits / np.maximum(matrix.sum(axis=0), 1)
    recall = hits / np.maximum(matrix.sum(axis=1), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return precision, recall, f1


def _metrics(labels, probabilities, classes, cv_accuracy):
    matrix = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    precision, recall, f1 = _scores(matrix)
    accuracy = float(np.trace(matrix) / len(labels))
    metrics = {
        "cv_accuracy": accuracy if cv_accuracy is None else cv_accuracy,
        "cv_accuracy_std": 0.012,
        "accuracy": accuracy,
        "balanced_accuracy": float(recall.mean()),
        "precision_macro": float(precision.mean()),
        "recall_macro": float(recall.mean()),
        "f1_macro": float(f1.mean()),
        "log_loss": 0.4321,
    }
    if len(classes) > 5:
        metrics["top5_accuracy"] = 0.9
    metrics["intervals"] = {
        name: [max(value - 0.05, 0), value + 0.05] for name, value in metrics.items()
    }
    return metrics | {
        "confusion_matrix": matrix.tolist(),
        "per_class": {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(matrix[i].sum()),
            }
            for i, name in enumerate(classes)
        },
        "n_train": 3 * len(labels),
        "n_test": len(labels),
        "classes": classes,
        "weights": "imagenet",
    }


def _info(name, weights, head, fingerprint, root):
    return {
        "name": name,
        "created": "2026-03-14T15:09:26+00:00",
        "kind": "head",
        "data": {
            "name": name,
            "root": str(root),
            "fingerprint": fingerprint,
            "layout": "folders train/ and test/",
        },
        "backbone": "mobilenetv2-0.35",
        "weights": weights,
        "head": head,
        "settings": {"shrinkage": "auto", "tune": True, "grid": [1, 2], "limit": None},
        "embedding": [
            {"backbone": "mobilenetv2-0.35", "image_size": 224, "flip": False},
            {"backbone": "mobilenetv2-0.35", "image_size": 288, "layer": "x" * 64},
        ],
        "seed": 7,
        "versions": {"keras": "3.15.0"},
        "timings": {"fit": 3.48, "cross_validation": 75.0},
        "notes": [],
        "command": "featx fit data --head svm --seed 7",
        "featx": "0.1.0",
        "fingerprint": "ab" * 32,
    }


@pytest.fixture
def make_run(tmp_path):
    """Return a function that writes a run of so many classes and reads it back."""

    def make(
        n_classes=3,
        *,
        per_class=6,
        classes=None,
        name="pets",
        head="svm",
        weights="imagenet",
        fingerprint="9f3c" * 16,
        cv_accuracy=None,
        epochs=0,
        perfect=False,
        root=Path("missing"),
        info=None,
        without=(),
        suffix="",
        extra=None,
        history=None,
    ):
        rng = np.random.default_rng(0)
        classes = classes or [f"{i:03d}.Class_{i}" for i in range(n_classes)]
        labels = np.repeat(np.arange(len(classes)), per_class)
        logits = rng.normal(size=(len(labels), len(classes)))
        logits[np.arange(len(labels)), labels] += 20 if perfect else 2
        odds = np.exp(logits)
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        metrics = _metrics(labels, probabilities, classes, cv_accuracy)
        falling = np.exp(-np.arange(epochs) / 3)
        curves = {
            "epoch": list(range(1, epochs + 1)),
            "loss": falling.tolist(),
            "accuracy": (1 - falling / 2).tolist(),
            "val_loss": (falling + 0.02 * np.arange(epochs)).tolist(),
            "val_accuracy": (0.9 - falling / 2).tolist(),
        }
        contents = RunContents(
            name=f"{name}-mobilenetv2-0.35-{head}{suffix}",
            info=_info(name, weights, head, fingerprint, root) | (info or {}),
            metrics={k: v for k, v in metrics.items() if k not in without}
            | (extra or {}),
            paths=[f"test/<i>img_{i}.png" for i in range(len(labels))],
            labels=labels,
            probabilities=probabilities,
            head=tiny_head(),
            history={**curves, **(history or {})} if epochs else {},
        )
        return write_run(tmp_path / "reports", contents)

    return make


@pytest.fixture
def make_finetuned(make_run):
    """Return a function that writes a run that was fine-tuned, and reads it back."""

    def make(*, found=None, warmup=0, epochs=8, settings=None, extra=None, **options):
        rates = [1e-3] * warmup + [1e-4 / (i + 1) for i in range(epochs - warmup)]
        return make_run(
            **{"head": "lda", **options},
            suffix="-finetune",
            epochs=epochs,
            info={
                "kind": "finetune",
                "parent": "pets-mobilenetv2-0.35-lda",
                "parameters": 612_345,
                "trainable_parameters": 412_345,
                "settings": {"unfreeze": "20%", **(settings or {})},
            },
            extra={
                "cv_accuracy": None,
                "cv_accuracy_std": None,
                "val_accuracy": 0.71,
                "n_train": 3000,
                "n_val": 600,
                "finetune": {**FINETUNED, **(found or {})},
                **(extra or {}),
            },
            history={
                "phase": [float(i >= warmup) for i in range(epochs)],
                "learning_rate": rates,
                "seconds": [1.2] * epochs,
            },
        )

    return make


@pytest.fixture
def odd_names():
    """Return class names that break what isn't escaped, fitted or drawn with care."""
    return ODD_NAMES


@pytest.fixture
def plain_figures(monkeypatch):
    """Put small blank pictures where a test is about words and tables only."""
    blank = png(new_figure(1, 1))
    monkeypatch.setattr("featx.reports.run.section.png", lambda _: blank)
