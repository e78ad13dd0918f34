"""How results look in a terminal."""

import shutil
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from featx.cli.terminal import naming_stream, say, visible

if TYPE_CHECKING:
    from featx.evaluation.metrics import Metric
    from featx.runs.metrics import Metrics
    from featx.runs.run import Run

MISSING = "–"
RANDOM_MARK = " (random weights)"

WIDE = 100
"""Columns of a terminal from which on the leaderboard shows all its scores."""


def show_notes(notes: Iterable[str]) -> None:
    """Print notes on stderr, each line once."""
    for note in dict.fromkeys(notes):
        say(f"note: {note}", err=True)


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: int = 1,
    whole: int = 0,
) -> None:
    """Print a table; the first `left` columns are words, the others numbers.

    Words are broken where the terminal is too narrow, but not in the first `whole`
    columns.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Text(visible(title, keep="\n"))
    table = Table(title=shown, box=box.SIMPLE_HEAD, title_justify="left")
    for number, name in enumerate(columns):
        words = number < left
        table.add_column(
            name,
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=number < whole or not words,
        )
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    with naming_stream("stdout"):
        Console(highlight=False).print(table)


def data_title(run: "Run") -> str:
    """Describe the data that a run was trained and tested on."""
    metrics = run.metrics
    return (
        f"{visible(run.data_name)}: {metrics.n_train} training and {metrics.n_test}"
        f" test images, {len(metrics.classes)} classes"
    )


def decimals(score: float | None) -> str:
    """Write a score with three decimals, and a dash where there is none."""
    return MISSING if score is None else f"{score:.3f}"


def accuracy_cells(
    accuracy: float | None, interval: Sequence[float] | None
) -> list[str]:
    """Return two cells of a table: an accuracy and its interval."""
    ends = "–".join(map(decimals, interval)) if interval else MISSING
    return [decimals(accuracy), ends]


def score_cells(metrics: "Metrics", key: str) -> list[str]:
    """Return two cells of a table: a score of a run and its interval."""
    return accuracy_cells(metrics.get(key), metrics.intervals.get(key))


def show_leaderboard(runs: Sequence["Run"]) -> None:
    """Print the runs of each data set, best by cross-validation first."""
    from featx.evaluation.metrics import METRICS
    from featx.runs.ranking import older_labels, same_data

    listed = [metric for metric in METRICS if metric.listed]
    is_wide = shutil.get_terminal_size().columns >= WIDE
    if not is_wide:
        listed = [metric for metric in listed if metric.key == "log_loss"]
    columns = ["head", "cv acc", "95%", "test acc", "95%"]
    columns += [metric.heading[0].lower() + metric.heading[1:] for metric in listed]
    older = older_labels(runs)
    for fingerprint, group in same_data(runs).items():
        several = len({run.backbone for run in group}) > 1
        title = data_title(group[0])
        if fingerprint in older:
            title += " (older labels)"
        if not several:
            title += f"\n{group[0].backbone}{_mark(group[0])}"
        rows = [_row(run, listed, several=several) for run in group]
        if is_wide:
            rows = [
                [*row, f"{run.seconds:.1f} s"]
                for row, run in zip(rows, group, strict=True)
            ]
        sections = _sections(group, rows)
        show_table(title, [*columns, "total"] if is_wide else columns, sections)
        if any(row[1].startswith("(") for row in rows):
            say("(in brackets: not cross-validated, but on images held out)", "")
        if len(sections) > len(rows):
            say("Runs with other folds, repeats or seeds are ranked apart.", "")


def _sections(runs: Sequence["Run"], rows: list[list[str]]) -> list[list[str]]:
    """Put a line above the rows of runs that were cross-validated alike.

    There is none where all were.
    """
    from featx.reports.numbers import ways_of

    ways = ways_of(runs)
    if not ways:
        return rows
    sections, above = [], ""
    for run, row in zip(runs, rows, strict=True):
        way = ways.get(run.cv_settings, "not cross-validated")
        if way != above:
            sections.append([f"{way}:"])
        sections.append(row)
        above = way
    return sections


def _name(run: "Run", *, several: bool) -> str:
    """Name a run in a table, with its backbone where there are several."""
    head = f"{run.head}, fine-tuned" if run.finetuned else run.head
    if not several:
        return head
    if run.from_scratch:
        return f"{run.backbone} from scratch"
    # Nothing directly after the backbone: a narrow column would break the long word.
    return f"{head} on {run.backbone}{_mark(run)}"


def _row(run: "Run", listed: "list[Metric]", *, several: bool) -> list[str]:
    metrics = run.metrics
    ranked_by = score_cells(metrics, "cv_accuracy")
    if metrics.cv_accuracy is None and metrics.val_accuracy is not None:
        score, interval = score_cells(metrics, "val_accuracy")
        ranked_by = [f"({score})", interval]
    return [
        _name(run, several=several),
        *ranked_by,
        *score_cells(metrics, "accuracy"),
        *(decimals(metrics.get(metric.key)) for metric in listed),
    ]


def _mark(run: "Run") -> str:
    return RANDOM_MARK if run.random_weights else ""


def show_best(runs: Sequence["Run"]) -> None:
    """Print which run is best by cross-validation."""
    from featx.runs.ranking import best_run

    best = best_run(runs)
    say(
        f"Best by cross-validation: {best.head},"
        f" test accuracy {best.metrics.accuracy:.3f}{_mark(best)}",
        best.path,
    )


def summary(run: "Run") -> dict[str, Any]:
    """Return a run's main numbers, for a script."""
    skipped = {"confusion_matrix", "per_class", "classes"}
    scores = {k: v for k, v in run.metrics.as_dict().items() if k not in skipped}
    return {
        "run": str(run.path),
        "data": run.data_name,
        "backbone": run.backbone,
        "head": run.head,
        **scores,
    }
