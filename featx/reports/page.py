"""The page of one run: figures, tables and words, in one file of its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from featx.errors import RunError
from featx.evaluation.calibration import reliability
from featx.evaluation.metrics import METRICS
from featx.reports.classes import by_f1
from featx.reports.curves import best_epoch, warmup_epochs
from featx.reports.figures import run_figures
from featx.reports.gain import explain_gain, recommend, signed_points, signed_range
from featx.reports.labels import lacking_glyphs
from featx.reports.mistakes import confused_pairs, surest_mistakes
from featx.reports.numbers import duration, metric_rows, moment, show, show_interval
from featx.reports.pictures import Picture, photograph, picture
from featx.reports.words import deviation, explain, explain_confidence
from featx.reports.writing import PAGE, newer_than, render, replace_file
from featx.runs.info import Kind, RunInfo
from featx.runs.run import (
    AUGMENTED_FILE,
    METRICS_FILE,
    RUN_FILE,
    Predictions,
    Run,
)


def render_run(run: Run) -> Path:
    """Draw a run's figures and write its page into its folder.

    Parameters
    ----------
    run : Run
        As `featx.runs.read_run` returns it.

    Returns
    -------
    Path
        The page, `index.html`; written last, so that its figures are there.

    Raises
    ------
    RunError
        A file of the run is incomplete, or the folder can't be written.
    """
    try:
        predictions = run.predictions()
        drawn = run_figures(run, predictions)
        page = render("run.html.j2", **_context(run, predictions, drawn))
    except (KeyError, OSError, ValueError) as error:
        raise RunError(
            f"{run.path}: incomplete ({type(error).__name__}: {error}); fit again"
        ) from error
    for name, png in drawn.items():
        replace_file(run.path / name, png)
    replace_file(run.path / PAGE, page)
    return run.path / PAGE


def is_current(run: Run) -> bool:
    """Return whether the run's page was written by this featx and after the run."""
    sources = [run.path / RUN_FILE, run.path / METRICS_FILE]
    return newer_than(run.path / PAGE, sources)


def _context(
    run: Run, predictions: Predictions, drawn: Mapping[str, bytes]
) -> dict[str, Any]:
    confidence = predictions.confidence
    correct = np.array(predictions.labels) == np.array(predictions.predicted)
    error = reliability(confidence, correct).error
    return {
        "run": run,
        "created": moment(run.info.created),
        "cards": _cards(run),
        "sentences": explain(run),
        "verdict": recommend(run),
        "gain": explain_gain(run),
        "parent": _parent_link(run),
        "notes": run.info.notes,
        "rows": metric_rows(run.metrics),
        "pictures": _pictures(run, drawn),
        "pairs": confused_pairs(run),
        "classes": _class_rows(run),
        "unnamed": lacking_glyphs(run.classes),
        "trust": explain_confidence(confidence, correct, error),
        "best_epoch": _best_epoch(run),
        "warmup": warmup_epochs(run.history()),
        "mistakes": surest_mistakes(run, predictions),
        "wrong": int(np.sum(~correct)),
        "facts": _facts(run),
        "specs": _specs(run.info.embedding),
        "tables": _tables(run.info),
        "command": run.info.command,
    }


def _cards(run: Run) -> list[dict[str, str]]:
    """List the numbers that stand at the top, the most important one first."""
    metrics = run.metrics
    rows = sorted(METRICS, key=lambda metric: metric.key != "accuracy")
    shown = [
        {
            "label": metric.brief,
            "value": show(metrics, metric.key),
            "extra": deviation(metrics) if metric.key == "cv_accuracy" else "",
            "interval": show_interval(metrics, metric.key),
        }
        for metric in rows
        if metric.brief and metrics.get(metric.key) is not None
    ]
    return [*shown[:1], *_gain_cards(run), *shown[1:]]


def _gain_cards(run: Run) -> list[dict[str, str]]:
    found = run.metrics.finetune
    if found is None:
        return []
    return [
        {
            "label": "Gain over the head",
            "value": signed_points(found.gain),
            "extra": " points",
            "interval": signed_range(found.gain_interval),
        }
    ]


def _parent_link(run: Run) -> str:
    """Return the relative address of the page of the head that was fine-tuned."""
    parent = Path(run.info.parent or "")
    # Only a name: of whatever else stands there no link is made.
    if str(parent) != parent.name or not (run.path.parent / parent / PAGE).is_file():
        return ""
    return f"../{quote(parent.name)}/{PAGE}"


def _pictures(run: Run, drawn: Mapping[str, bytes]) -> dict[str, Picture]:
    count = len(run.classes)
    accuracy = show(run.metrics, "accuracy")
    alts = {
        "confusion_counts": f"Confusion matrix of {count} classes in numbers of test"
        f" images; {accuracy} of them lie on the diagonal.",
        "confusion_normalised": f"Confusion matrix of {count} classes in percent of"
        f" each true class; the mean of the diagonal is"
        f" {show(run.metrics, 'balanced_accuracy')}.",
        "per_class": "Precision, recall and F1 by class, best F1 first; the mean F1 is"
        f" {show(run.metrics, 'f1_macro')}. The table of classes has the numbers.",
        "reliability": "Accuracy over confidence in ten bins, beside the diagonal where"
        " both are equal.",
        "curves": "Loss and accuracy over the epochs, for training and validation.",
    }
    shown = {
        name: picture(drawn[f"{name}.png"], alt, link=f"{name}.png")
        for name, alt in alts.items()
        if f"{name}.png" in drawn
    }
    return shown | _augmented(run)


def _augmented(run: Run) -> dict[str, Picture]:
    """Return the figure that was drawn when the run was made, where it was."""
    path = run.path / AUGMENTED_FILE
    if not path.is_file():
        return {}
    kind = run.info.settings.get("augment")
    alt = (
        "Some training images, each with copies beside it as training changed them"
        f"{f' (augmentation {kind})' if kind else ''}."
    )
    return {"augmented": photograph(path.read_bytes(), alt, link=path.name)}


def _class_rows(run: Run) -> list[dict[str, Any]]:
    """List all classes for their table, best F1 first."""
    per_class = run.metrics.per_class
    return [
        {"number": i + 1, "name": run.classes[i], **per_class[run.classes[i]]}
        for i in by_f1(per_class, run.classes)
    ]


def _best_epoch(run: Run) -> str:
    history = run.history()
    best = best_epoch(history) if history else None
    return "" if best is None else f"{history['epoch'][best]:.0f}"


def _facts(run: Run) -> list[tuple[str, str]]:
    """List how the run was made; what an older run doesn't say is left out."""
    info, data = run.info, run.info.data
    facts = [
        ("Data", run.data_name),
        ("Layout", data.layout),
        ("Data fingerprint", run.data_fingerprint[:16]),
        ("Training images", f"{run.metrics.n_train:,}"),
        ("Test images", f"{run.metrics.n_test:,}"),
        ("Classes", f"{len(run.classes):,}"),
        *_model_facts(run),
        ("Seed", info.seed),
        ("Made", moment(info.created)),
        ("featx", info.versions.get("featx")),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "")]


def _model_facts(run: Run) -> list[tuple[str, Any]]:
    """List what was trained."""
    if not run.from_scratch:
        facts: list[tuple[str, Any]] = [
            ("Backbone", run.backbone),
            ("Weights", run.info.weights),
            ("Head", run.head),
        ]
        if run.finetuned:
            facts += [
                ("Fine-tuned from", run.info.parent),
                ("Held out to choose", f"{run.metrics.n_val:,}"),
                ("Parameters", f"{run.info.parameters:,}"),
                ("Trainable parameters", f"{run.info.trainable_parameters:,}"),
            ]
        return facts
    return [
        ("Held out of training", f"{run.metrics.n_val:,}"),
        ("Network", run.backbone),
        ("Trained", run.head),
        ("Parameters", f"{run.metrics.parameters:,}"),
    ]


def _specs(specs: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn embedding specs into a table: one row for each, one column per key."""
    columns = list(dict.fromkeys(key for spec in specs for key in spec))
    return {
        "columns": columns,
        "rows": [[_plain(spec.get(column)) for column in columns] for spec in specs],
    }


def _tables(info: RunInfo) -> list[tuple[str, list[tuple[str, str]]]]:
    """List settings, timings and versions as names and values."""
    settings = [(k, _plain(v)) for k, v in info.settings.items()]
    timings = [(k.replace("_", " "), duration(v)) for k, v in info.timings.items()]
    versions = [(k, str(v)) for k, v in info.versions.items()]
    whose = {Kind.NETWORK: "network", Kind.FINETUNE: "fine-tuning"}.get(
        info.kind, "head"
    )
    tables = [
        (f"Settings of the {whose}", settings),
        ("Time taken", timings),
        ("Versions", versions),
    ]
    return [(title, rows) for title, rows in tables if rows]


def _plain(value: Any) -> str:
    """Write a setting: yes and no, none, numbers and texts as they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
