"""Kaggle's submissions: a sample's columns, filled by name."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from featx.errors import DataError
from featx.predict.predictions import Answers


def fill_submission(sample: Path, answers: Answers) -> str:
    """Return a sample submission with its answers in place of its own.

    The first column names images, by file name or without its ending. Columns that
    are named like classes get these classes' probabilities. A single other column
    gets the predicted class. An image that can't be read keeps the sample's answer.

    Raises
    ------
    DataError
        The file can't be read, has other columns, or names an image that was not
        predicted, or one of several.
    """
    header, rows = _read(sample)
    columns = header[1:]
    by_class = {name: code for code, name in enumerate(answers.classes)}
    unknown = [name for name in columns if name not in by_class]
    single = len(columns) == 1 and bool(unknown)
    if unknown and not single:
        raise DataError(
            f"{sample}: column '{unknown[0]}' is no class of the run; its classes are"
            f" {', '.join(answers.classes[:3])}..."
        )
    places = _places(answers.files)
    unreadable = _places(list(answers.unreadable))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    predicted = answers.predicted
    for name, *own in rows:
        found = places.get(name, [])
        if len(found) > 1:
            either = " and ".join(str(answers.files[row]) for row in found[:2])
            raise DataError(f"{sample}: '{name}' is {either}; name one of them")
        if not found and name in unreadable:
            writer.writerow([name, *own])
            continue
        if not found:
            raise DataError(f"{sample}: no prediction for '{name}'; name its image")
        at = found[0]
        values = answers.probabilities[at]
        cells = [predicted[at]] if single else [values[by_class[c]] for c in columns]
        writer.writerow([name, *cells])
    return text.getvalue()


def _places(files: Sequence[Path]) -> dict[str, list[int]]:
    """Return where each file is, by all that may name it; a whole name goes first."""
    places: dict[str, list[int]] = {}
    for spell in (str, lambda path: path.name, lambda path: path.stem):
        longer = set(places)
        for row, path in enumerate(files):
            if (name := spell(path)) not in longer:
                places.setdefault(name, []).append(row)
    return places


def _read(sample: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with sample.open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no CSV with a header"
        raise DataError(f"{sample}: can't be read ({reason})") from error
    if len(header) < 2:
        raise DataError(f"{sample}: expected a column of images and one of answers")
    return header, rows
