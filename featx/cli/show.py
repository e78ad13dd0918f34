"""How results look in a terminal."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from featx.evaluation.metrics import Metric
    from featx.runs.metrics import Metrics
    from featx.runs.run import Run

MISSING = "–"
RANDOM_MARK = " (random weights)"


def show_json(content: Any) -> None:
    """Print a result for a script."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def show_notes(notes: Iterable[str]) -> None:
    """Print notes on stderr, each line once."""
    for note in dict.fromkeys(notes):
        click.echo(f"note: {note}", err=True)


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

    table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left")
    for number, name in enumerate(columns):
        words = number < left
        table.add_column(
            name,
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=number < whole or not words,
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


def show_leaderboard(runs: Sequence["Run"]) -> None:
    """Print the runs of each data set, best by cross-validation first."""
    from featx.evaluation.metrics import METRICS
    from featx.runs.ranking import same_data

    listed = [metric for metric in METRICS if metric.listed]
    for group in same_data(runs).values():
        several = len({run.backbone for run in group}) > 1
        rows = [_row(run, listed, several=several) for run in group]
        metrics = group[0].metrics
        title = (
            f"{group[0].data_name}: {metrics.n_train} training and"
            f" {metrics.n_test} test images, {len(metrics.classes)} classes"
        )
        if not several:
            title += f"\n{group[0].backbone}{_mark(group[0])}"
        columns = ["head", "cv acc", "test acc", "95%"]
        columns += [*(_column(metric) for metric in listed), "total"]
        show_table(title, columns, rows)
        if any(row[1].startswith("(") for row in rows):
            click.echo("(in brackets: not cross-validated, but on images held out)\n")


def _row(run: "Run", listed: "list[Metric]", *, several: bool) -> list[str]:
    metrics = run.metrics
    low, high = metrics.intervals["accuracy"]
    name = f"{run.head}, {run.backbone}{_mark(run)}" if several else run.head
    if run.finetuned:
        name += ", fine-tuned"
    return [
        name,
        _ranking_score(metrics),
        f"{metrics.accuracy:.3f}",
        f"{low:.3f}–{high:.3f}",
        *(_decimals(metrics.get(metric.key)) for metric in listed),
        f"{sum(run.info.timings.values()):.1f} s",
    ]


def _ranking_score(metrics: "Metrics") -> str:
    """Write what ranks a run, in brackets where it was not cross-validated."""
    if metrics.cv_accuracy is not None:
        return f"{metrics.cv_accuracy:.3f}"
    held_out = _decimals(metrics.val_accuracy)
    return held_out if held_out == MISSING else f"({held_out})"


def _decimals(score: float | None) -> str:
    return MISSING if score is None else f"{score:.3f}"


def _column(metric: "Metric") -> str:
    """Return a metric's name as the other columns are written."""
    return metric.brief[0].lower() + metric.brief[1:]


def _mark(run: "Run") -> str:
    return RANDOM_MARK if run.random_weights else ""


def show_best(runs: Sequence["Run"]) -> None:
    """Print which run is best by cross-validation."""
    from featx.runs.ranking import best_run

    best = best_run(runs)
    click.echo(
        f"Best by cross-validation: {best.head},"
        f" test accuracy {best.metrics.accuracy:.3f}{_mark(best)}\n{best.path}"
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
