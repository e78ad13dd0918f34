"""How results look in a terminal."""

import contextlib
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from featx.cli.command import Next
from featx.cli.terminal import note, say, say_table, visible
from featx.errors import FeatxError

if TYPE_CHECKING:
    from rich.table import Table

    from featx.embeddings.settings import CacheSettings
    from featx.evaluation.metrics import Metric
    from featx.runs.comparison import Standing
    from featx.runs.metrics import Metrics, Repeats
    from featx.runs.run import Run
    from featx.runs.settings import ReportSettings
    from featx.settings import Settings

MISSING = "–"
RANDOM_MARK = " (random weights)"

NARROW = 16
"""Columns of a terminal that words take at least, where they are broken into lines."""

GAP = 2


def show_notes(notes: Iterable[str]) -> None:
    """Print notes on stderr, each line once."""
    for line in dict.fromkeys(notes):
        note(line)


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: int = 1,
    whole: int = 0,
    drop: Sequence[str] = (),
) -> None:
    """Print a table; the first `left` columns are words, the others numbers.

    A column without any content is left out. Where the terminal is too narrow, words
    are broken into lines, but for those of the first `whole` columns, then columns of
    `drop` are left out, and then the first column's words stand on lines of their own,
    above the rest of their row: what is broken can't be copied. Numbers are never cut.
    A pipe or a file is as wide as the table.

    Parameters
    ----------
    rows : iterable of sequence of str
        A row may end early.
    drop : sequence of str
        Columns that may be left out, the least important first.
    """
    cells = [
        [visible(cell) for cell, _ in zip_longest(row, columns, fillvalue="")]
        for row in rows
    ]
    room = shutil.get_terminal_size((0, 0)).columns  # 0: not a terminal
    least = _least_widths(columns, cells, left=left, whole=whole)
    full = [n for n in range(len(columns)) if not cells or any(c[n] for c in cells)]
    kept = _fitting(full, columns, least, drop=drop, room=room)
    if title:
        _say_title(title, room)
    if room and whole and _table_width(least[number] for number in kept) > room:
        rest = [["", *row[1:]] for row in cells]
        least = _least_widths(columns, rest, left=left)
        kept = _fitting(full, columns, least, drop=drop, room=room)
        names = [row[0] for row in cells]
        shown = _stretched(kept, least, _widths(columns, rest), room)
        _print_below_names(names, columns, rest, shown, left=left)
    else:
        widths = least if room else _widths(columns, cells)
        width = max(room, _table_width(widths[number] for number in kept))
        table = _make_table(columns, kept, left=left, whole=whole)
        _print_table(table, kept, cells, width=width)
    say("")


def _make_table(
    columns: Sequence[str],
    kept: Iterable[int],
    *,
    left: int,
    whole: int = 0,
    widths: Mapping[int, int] = MappingProxyType({}),
    **options: Any,
) -> "Table":
    """Make a table of the columns that are kept, without rows."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        **options,
    )
    for number in kept:
        words = number < left
        table.add_column(
            columns[number],
            width=widths.get(number),
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=not words or number < whole,
        )
    return table


def _print_table(
    table: "Table", kept: Iterable[int], rows: Iterable[Sequence[str]], *, width: int
) -> None:
    from rich.console import Console
    from rich.text import Text

    for row in rows:
        table.add_row(*(Text(row[number]) for number in kept))
    say_table(Console(highlight=False, record=True, width=width), table)


def _print_below_names(
    names: Iterable[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Mapping[int, int],
    *,
    left: int,
) -> None:
    """Print a table with a name on a line of its own above each row."""
    width = _table_width(widths.values())
    table = _make_table(columns, widths, left=left, widths=widths)
    _print_table(table, widths, [], width=width)
    for name, row in zip(names, rows, strict=True):
        say(name)
        if any(row):  # else it is a line above other rows
            table = _make_table(
                columns, widths, left=left, widths=widths, show_header=False
            )
            _print_table(table, widths, [row], width=width)


def _say_title(title: str, room: int) -> None:
    """Print the title of a table, broken between words where it is too long."""
    for line in title.split("\n"):
        say(*(textwrap.wrap(line, room, break_long_words=False) if room else [line]))


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how wide each column of a table is if nothing in it is broken."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]


def _least_widths(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: int,
    whole: int = 0,
) -> list[int]:
    """Return how narrow each column may get: broken words need less room."""
    return [
        min(width, NARROW) if whole <= number < left else width
        for number, width in enumerate(_widths(columns, rows))
    ]


def _stretched(
    kept: Iterable[int], least: Sequence[int], most: Sequence[int], room: int
) -> dict[int, int]:
    """Return the widths of the columns that are kept, with what room is left over."""
    widths = {number: least[number] for number in kept}
    for number in widths:
        spare = max(0, room - _table_width(widths.values()))
        widths[number] = min(most[number], least[number] + spare)
    return widths


def _table_width(widths: Iterable[int]) -> int:
    widths = list(widths)
    return sum(widths) + GAP * (len(widths) - 1)


def _fitting(
    kept: list[int],
    columns: Sequence[str],
    widths: Sequence[int],
    *,
    drop: Sequence[str],
    room: int,
) -> list[int]:
    """Return which columns are shown, by number."""
    for name in drop if room else ():
        if _table_width(widths[number] for number in kept) <= room:
            break
        kept = [number for number in kept if columns[number] != name]
    return kept


def data_title(run: "Run") -> str:
    """Describe the data that a run was trained and tested on."""
    metrics = run.metrics
    return (
        f"{visible(run.data_name)}: {metrics.n_train:,} training and"
        f" {metrics.n_test:,} test images, {len(metrics.classes):,} classes"
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
    from featx.reports.leaderboard.options import options_of_runs
    from featx.reports.numbers import duration
    from featx.runs.comparison import find_standing
    from featx.runs.ranking import older_labels, same_data

    listed = [metric for metric in METRICS if metric.listed]
    others = [metric.heading[0].lower() + metric.heading[1:] for metric in listed]
    older = older_labels(runs)
    for fingerprint, group in same_data(runs).items():
        options = options_of_runs(group)
        title = data_title(group[0])
        if fingerprint in older:
            title += " (older labels)"
        backbones = {run.backbone for run in group}
        shared = [*(backbones if len(backbones) == 1 else ()), *options.shared]
        if shared:
            title += "\n" + ", ".join(shared)
        standing = find_standing(group)
        rows = [
            [
                *(run.name, ", ".join(own), tie_mark(run, standing)),
                *(*_scores(run, listed), duration(run.seconds)),
            ]
            for run, own in zip(group, options.own, strict=True)
        ]
        sections = _sections(group, rows)
        columns = ["run", "options", "", *SCORES, *others, "total"]
        drop = ["total", *others, "cv 95%", "test 95%", "options"]
        show_table(title, columns, sections, left=2, whole=1, drop=drop)
        if standing is not None:
            say_standing(standing)
        if any(row[3].startswith("(") for row in rows):
            held_out = _held_out(group)
            say(f"(in brackets: not cross-validated, but on {held_out})", "")
        if len(sections) > len(rows):
            say("Runs with other folds, repeats or seeds are ranked apart.", "")


TIED = "="
"""Marks the runs that are as good as the best."""


def tie_mark(run: "Run", standing: "Standing | None") -> str:
    """Return what stands beside a run that is as good as the best."""
    as_good = standing.as_good if standing is not None else ()
    return TIED if len(as_good) > 1 and run in as_good else ""


def say_standing(standing: "Standing") -> None:
    """Print which runs are as good as the best, by which test, and with what luck."""
    from featx.reports.standing import TEST, explain_optimism, explain_ties

    mark = f"{TIED} " if len(standing.as_good) > 1 else ""
    say_sentences(
        f"{mark}{explain_ties(standing)} ({TEST}.)", explain_optimism(standing)
    )
    say("")


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


SCORES = ("cv acc", "cv 95%", "test acc", "test 95%")


def _scores(run: "Run", listed: "list[Metric]") -> list[str]:
    metrics = run.metrics
    ranked_by = score_cells(metrics, "cv_accuracy")
    if metrics.cv_accuracy is None and metrics.val_accuracy is not None:
        score, interval = score_cells(metrics, "val_accuracy")
        ranked_by = [f"({score})", interval]
    return [
        *ranked_by,
        *score_cells(metrics, "accuracy"),
        *(decimals(metrics.get(metric.key)) for metric in listed),
    ]


def _held_out(runs: Sequence["Run"]) -> str:
    """Say how many images some runs held out."""
    counts = sorted({run.metrics.n_val for run in runs if run.metrics.n_val})
    ends = [f"{count:,}" for count in dict.fromkeys([*counts[:1], *counts[-1:]])]
    return " ".join(filter(None, [" to ".join(ends), "images held out"]))


def _mark(run: "Run") -> str:
    return RANDOM_MARK if run.random_weights else ""


def show_repeats(repeats: "Repeats") -> None:
    """Print mean and deviation of trainings that differ in the seed."""
    rows = [
        [name, decimals(one.mean), decimals(one.std), *map(decimals, one.values)]
        for name, one in (
            ("held out", repeats.val_accuracy),
            ("test acc", repeats.accuracy),
            ("log loss", repeats.log_loss),
        )
        if one is not None
    ]
    seeds = [f"seed {seed}" for seed in repeats.seeds]
    title = f"{len(seeds)} trainings; scores above and files are those of the first"
    show_table(title, ["", "mean", "deviation", *seeds], rows, drop=seeds)


def show_best(runs: Sequence["Run"]) -> None:
    """Print which run is best by cross-validation."""
    from featx.runs.ranking import best_run, tied_with

    best = best_run(runs)
    equals = len(tied_with(best, runs))
    how = f", by log loss among {equals} of equal accuracy" if equals > 1 else ""
    say_sentences(
        f"Best by cross-validation{how}: {best.head},"
        f" test accuracy {best.metrics.accuracy:.3f}{_mark(best)}"
    )
    say(best.path)


def show_learning_curves(runs: Iterable["Run"]) -> None:
    """Print what twice the training images would likely bring, by run."""
    from featx.reports.run.learning_curve import forecast_words

    for run in runs:
        curve = run.metrics.learning_curve
        if curve is not None:
            say("")
            say_sentences(f"{run.title}: {forecast_words(curve, decimals)}")


def say_sentences(*sentences: str) -> None:
    """Print sentences, each from a line of its own on; empty ones are left out."""
    for sentence in filter(None, sentences):
        say(
            *textwrap.wrap(sentence, 79, break_long_words=False, break_on_hyphens=False)
        )


def predict_next(
    runs: Sequence["Run"],
    report: "ReportSettings",
    cache: "CacheSettings | None" = None,
) -> Next | None:
    """Return the command that predicts a test image with the run to use.

    Parameters
    ----------
    runs : sequence of Run
        Those of the data set with the newest run count.
    report, cache : settings
        Where they were made.

    Returns
    -------
    Next or None
        None where the command would need files or options that the run doesn't name.
    """
    from featx.reports.run.gain import run_to_use
    from featx.runs.models import is_pickled
    from featx.runs.predictions import first_path
    from featx.runs.ranking import same_data

    best = run_to_use(next(iter(same_data(runs).values())))
    image = Path(best.info.data.root, first_path(best.path) or "")
    has_own_weights = "file" in best.info.weights.split("+")
    if not image.is_file() or has_own_weights or is_pickled(best.path):
        return None
    is_named = best.path.parent == report.out_dir
    if image.is_relative_to(Path.cwd()):
        image = image.relative_to(Path.cwd())
    words = [best.name if is_named else str(best.path), str(image)]
    places: list[tuple[str, Settings, str]] = [("out-dir", report, "out_dir")]
    if cache is not None:
        places.append(("cache-dir", cache, "folder"))
    for option, settings, field in places:
        folder = getattr(settings, field)
        if folder != _held_folder(type(settings), field):
            words += [f"--{option}", str(folder)]
    return Next("predict", tuple(words))


def _held_folder(kind: "type[Settings]", field: str) -> Path:
    """Return the folder that a command takes which isn't given one."""
    from featx.pipeline.project import stated_values

    stated: dict[str, Any] = {}
    with contextlib.suppress(FeatxError):  # a command that has no use for the file
        stated = stated_values(kind)
    return Path(stated.get(field, kind.model_fields[field].default))


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
