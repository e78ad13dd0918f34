"""`featx compare`: which runs differ by more than chance."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import SettingsCommand
from featx.cli.show import (
    data_title,
    say_sentences,
    say_standing,
    score_cells,
    show_table,
    tie_mark,
)
from featx.cli.terminal import note, say_json

if TYPE_CHECKING:
    from featx.runs.comparison import Comparison, PairedTest
    from featx.runs.settings import ReportSettings


@click.command(cls=SettingsCommand)
@options.runs
@click.option(
    "--rope",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="Differences of accuracy that don't matter, in the Bayesian test.",
)
@options.report
@options.as_json
def compare(
    runs: tuple[str, ...], rope: float, report: "ReportSettings", as_json: bool
) -> None:
    """Test which runs differ by more than chance.

    RUN is a run's folder or name; two or more, of the same data, are needed. Those that
    were cross-validated must have been so in the same folds.
    """
    from featx.pipeline.compare import compare as compare_runs

    found = compare_runs(runs, report.out_dir, rope=rope)
    for run in found.runs:
        if run.metrics.cv_accuracy is not None and not run.info.cv_predictions_sha256:
            note(
                f"{run.name}: an older featx made it, which kept no answers of the"
                " cross-validation; it is compared on the test split only"
            )
    if as_json:
        say_json(found.as_dict())
    else:
        _show(found)


def _show(found: "Comparison") -> None:
    from featx.reports.numbers import duration

    rows = [
        [
            f"{number} {run.name}",
            tie_mark(run, found.standing),
            *score_cells(run.metrics, "cv_accuracy"),
            *score_cells(run.metrics, "accuracy"),
            duration(run.seconds),
        ]
        for number, run in enumerate(found.runs, start=1)
    ]
    columns = ["run", "", "cv acc", "cv 95%", "test acc", "test 95%", "total"]
    drop = ["total", "cv 95%", "test 95%"]
    show_table(data_title(found.runs[0]), columns, rows, whole=1, drop=drop)
    names = [run.name for run in found.runs]
    numbers = [
        f"{names.index(pair.first.name) + 1}, {names.index(pair.second.name) + 1}"
        for pair in found.pairs
    ]
    in_folds = [pair.cv for pair in found.pairs]
    _show_tests("training images held out in folds", numbers, in_folds)
    _show_folds(found, numbers)
    _show_tests("test images", numbers, [pair.test for pair in found.pairs])
    say_sentences(
        "first, second: images that only the first or only the second got right. p: of"
        " differences as large by chance; Holm: for the number of pairs."
    )
    if found.standing is not None:
        say_standing(found.standing)


def _show_tests(
    images: str, numbers: Sequence[str], tests: "Sequence[PairedTest | None]"
) -> None:
    """Print McNemar's tests and paired intervals."""
    rows = [
        [number, *_cells(test)]
        for number, test in zip(numbers, tests, strict=True)
        if test is not None
    ]
    if rows:
        title = f"First minus second run, on {images} (McNemar's test)"
        columns = ["runs", "points", "95%", "first", "second", "p", "Holm"]
        show_table(title, columns, rows)


def _cells(test: "PairedTest") -> Iterator[str]:
    from featx.reports.run.gain import signed_points, signed_range

    yield signed_points(test.difference)
    yield signed_range(test.interval)
    yield f"{test.gained:,}"
    yield f"{test.lost:,}"
    yield _p_value(test.p_value)
    yield _p_value(test.adjusted)


def _show_folds(found: "Comparison", numbers: Sequence[str]) -> None:
    """Print the corrected t-tests and the Bayesian ones."""
    from featx.reports.numbers import points

    rows = [
        [
            number,
            _p_value(pair.folds.p_value),
            *(f"{share:.3f}" for share in pair.folds[1:]),
        ]
        for number, pair in zip(numbers, found.pairs, strict=True)
        if pair.folds is not None
    ]
    if rows:
        title = (
            "Accuracies of folds: corrected t-test, and how probable it is that the"
            f" first is better, within {points(found.rope)} points, or worse"
        )
        show_table(title, ["runs", "p", "better", "within", "worse"], rows)


def _p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
