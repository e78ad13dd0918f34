"""The leaderboard: all runs, grouped by data set, ranked by cross-validation."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from featx import plots
from featx.evaluation.metrics import METRICS
from featx.figures.style import RANDOM_WEIGHTS, png
from featx.reports.leaderboard.options import options_of_runs
from featx.reports.leaderboard.transfer import transfer_gap
from featx.reports.numbers import counted, moment, show, ways_of
from featx.reports.pictures import picture
from featx.reports.run.gain import finetuning_gain
from featx.reports.standing import TEST, explain_optimism, explain_ties
from featx.reports.writing import PAGE, render, replace_file
from featx.runs.comparison import Standing, find_standing
from featx.runs.ranking import older_labels, same_data
from featx.runs.run import Run
from featx.runs.write import claim_reports


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
    older = older_labels(runs)
    shown = [
        {**_group(reports_dir, group), "older": fingerprint in older}
        for fingerprint, group in same_data(runs).items()
    ]
    page = render("leaderboard.html.j2", groups=shown, total=len(runs))
    claim_reports(reports_dir, "leaderboard")
    replace_file(reports_dir / PAGE, page)
    return reports_dir / PAGE


def _group(reports_dir: Path, runs: list[Run]) -> dict[str, Any]:
    """Collect what the page shows of one data set; `runs` come best first."""
    best, standing = runs[0], find_standing(runs)
    alt = (
        f"Test accuracy with its 95% interval and cross-validated accuracy of"
        f" {len(runs)} runs on {best.data_name}; the first is {best.name} with"
        f" {_rank_score(best)}"
        f"{f' ({RANDOM_WEIGHTS})' if best.random_weights else ''}."
    )
    return {
        "best": best,
        "newest": moment(max(run.info.created for run in runs)),
        "listed": [metric for metric in METRICS if metric.listed],
        "rows": [
            (run, _link(reports_dir, run), ", ".join(options))
            for run, options in zip(runs, _own_options(runs), strict=True)
        ],
        **_words(standing),
        "gap": transfer_gap(runs),
        "gain": finetuning_gain(runs),
        "random": any(run.random_weights for run in runs),
        "ways": ways_of(runs),
        "unranked": any(run.metrics.cv_accuracy is None for run in runs),
        "picture": picture(png(plots.leaderboard(runs)), alt),
    }


def _words(standing: Standing | None) -> dict[str, Any]:
    """Collect what the page says on ties with the best."""
    if standing is None:
        return {"as_good": (), "recommended": None, "ties": ""}
    has_ties = len(standing.as_good) > 1
    return {
        "as_good": standing.as_good if has_ties else (),
        "recommended": standing.recommended if has_ties else None,
        "ties": explain_ties(standing),
        "test": TEST,
        "optimism": explain_optimism(standing),
    }


_HAVE_COLUMNS = ("from scratch", RANDOM_WEIGHTS.partition(",")[0])
"""Options that stand elsewhere in a row."""


def _own_options(runs: list[Run]) -> Iterator[list[str]]:
    """Yield the options of each run that tell it from the others of its name."""
    for options in options_of_runs(runs).own:
        yield [word for word in options if word not in _HAVE_COLUMNS]


def _rank_score(run: Run) -> str:
    if run.metrics.cv_accuracy is None:
        score = show(run.metrics, "val_accuracy")
        return f"{score} on {counted(run.metrics.n_val, 'held-out training image')}"
    return f"{show(run.metrics, 'cv_accuracy')} in cross-validation"


def _link(reports_dir: Path, run: Run) -> str:
    """Return the relative address of the run's page, empty while it has none."""
    page = run.path / PAGE
    if not page.is_file():
        return ""
    relative = os.path.relpath(page, reports_dir)
    return quote(Path(relative).as_posix())
