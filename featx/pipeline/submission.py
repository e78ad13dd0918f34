"""Kaggle's submissions: a sample's columns, filled by name."""

import csv
import io
from pathlib import Path, PurePosixPath

from featx.errors import DataError
from featx.pipeline.predicting import Answers


def fill_submission(sample: Path, answers: Answers) -> str:
    """Return a sample submission with its answers in place of its own.

    The first column names images, by file name or without its ending. Columns that
    are named like classes get these classes' probabilities. A single other column
    gets the predicted class.

    Raises
    ------
    DataError
        The file can't be read, has other columns, or names an image that was not
        predicted.
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
    place = _places(answers)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    predicted = answers.predicted
    for name in rows:
        if name not in place:
            raise DataError(f"{sample}: no prediction for '{name}'; name its image")
        at = place[name]
        values = answers.probabilities[at]
        cells = [predicted[at]] if single else [values[by_class[c]] for c in columns]
        writer.writerow([name, *cells])
    return text.getvalue()


def _places(answers: Answers) -> dict[str, int]:
    """Return where each image's answer is, by all that may name it."""
    place: dict[str, int] = {}
    for row, path in enumerate(answers.files):
        for name in (path.stem, path.name, PurePosixPath(path).as_posix()):
            place[name] = row
    return place


def _read(sample: Path) -> tuple[list[str], list[str]]:
    try:
        with sample.open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no CSV with a header"
        raise DataError(f"{sample}: can't be read ({reason})") from error
    if len(header) < 2:
        raise DataError(f"{sample}: expected a column of images and one of answers")
    return header, [row[0] for row in rows]
