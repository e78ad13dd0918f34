"""The leaderboard: all runs, grouped by data set, ranked by cross-validation."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from featx import plots
from featx.errors import RunError
from featx.evaluation.metrics import METRICS
from featx.figures.style import RANDOM_WEIGHTS, png
from featx.reports.leaderboard.transfer import transfer_gap
from featx.reports.numbers import MISSING, duration, percent, show, show_interval
from featx.reports.pictures import picture
from featx.reports.run.explain import deviation
from featx.reports.run.gain import finetuning_gain
from featx.reports.writing import PAGE, render, replace_file
from featx.runs.ranking import same_data
from featx.runs.run import Run

LISTED = [metric for metric in METRICS if metric.listed]
"""Metrics that have a column, beside accuracy and cross-validation."""


def render_leaderboard(reports_dir: Path, runs: Sequence[Run]) -> Path:
    """Write the leaderboard page over some runs.

    Parameters
    ----------
    reports_dir : Path
        Where `index.html` goes.
    runs : sequence of Run
        Of one or more data sets. A run whose own page has been rendered is linked.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RunError
        A run is incomplete, or the folder can't be written.
    """
    groups = sorted(same_data(runs).values(), key=lambda group: group[0].data_name)
    shown = [_group(reports_dir, group) for group in groups]
    page = render("leaderboard.html.j2", groups=shown, total=len(runs))
    try:
        reports_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{reports_dir}: can't make this folder ({error.strerror or error})"
        ) from error
    replace_file(reports_dir / PAGE, page)
    return reports_dir / PAGE


def _group(reports_dir: Path, runs: list[Run]) -> dict[str, Any]:
    """Collect what the page shows of one data set; `runs` come best first."""
    best = runs[0]
    n_train, n_test = best.metrics.n_train, best.metrics.n_test
    alt = (
        f"Test accuracy with its 95% interval and cross-validated accuracy of"
        f" {len(runs)} runs on {best.data_name}; the first is {best.name} with"
        f" {_rank_score(best)}"
        f"{f' ({RANDOM_WEIGHTS})' if best.random_weights else ''}."
    )
    return {
        "name": best.data_name,
        "layout": best.info.data.layout or "",
        "fingerprint": best.data_fingerprint,
        "columns": [one.brief for one in LISTED],
        "n_train": n_train,
        "n_test": n_test,
        "n_classes": len(best.classes),
        "chance": percent(1 / len(best.classes)),
        "rows": [_row(reports_dir, run) for run in runs],
        "gap": transfer_gap(runs),
        "gain": finetuning_gain(runs),
        "random": any(run.random_weights for run in runs),
        "picture": picture(png(plots.leaderboard(runs)), alt),
    }


def _rank_score(run: Run) -> str:
    if run.metrics.cv_accuracy is None:
        return f"{show(run.metrics, 'val_accuracy')} on held-out training images"
    return f"{show(run.metrics, 'cv_accuracy')} in cross-validation"


def _row(reports_dir: Path, run: Run) -> dict[str, Any]:
    seconds = run.info.timings.get("fit")
    return {
        "name": run.name,
        "link": _link(reports_dir, run),
        "backbone": run.backbone,
        "head": f"{run.head}, fine-tuned" if run.finetuned else run.head,
        "random": run.random_weights,
        "cross_validated": run.metrics.cv_accuracy is not None,
        "held_out": show(run.metrics, "val_accuracy"),
        "cv_accuracy": show(run.metrics, "cv_accuracy"),
        "deviation": deviation(run.metrics),
        "accuracy": show(run.metrics, "accuracy"),
        "interval": show_interval(run.metrics, "accuracy"),
        "others": [(one.brief, show(run.metrics, one.key)) for one in LISTED],
        "fit": MISSING if seconds is None else duration(seconds),
    }


def _link(reports_dir: Path, run: Run) -> str:
    """Return the relative address of the run's page, empty while it has none."""
    page = run.path / PAGE
    if not page.is_file():
        return ""
    relative = os.path.relpath(page, reports_dir)
    return quote(Path(relative).as_posix())
