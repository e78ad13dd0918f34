"""Kaggle submissions: fill the columns of a sample submission by name."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featx.atomic import csv_text
from featx.errors import DataError
from featx.predict.predictions import Predictions


def fill_submission(sample: str | Path, predictions: Predictions) -> str:
    """Return a sample submission, as CSV, with predictions in place of its values.

    The first column names images, by path, file name, or file name without extension.
    Columns named like classes get the probabilities of these classes; a single other
    column gets the predicted class. Unreadable images keep the sample's values.

    Raises
    ------
    DataError
        The file can't be read, has other columns, or names an image that has no
        prediction or several.
    """
    sample = Path(sample)
    header, rows = _read(sample)
    columns = header[1:]
    by_class = {name: code for code, name in enumerate(predictions.classes)}
    unknown = [name for name in columns if name not in by_class]
    single = len(columns) == 1 and bool(unknown)
    if unknown and not single:
        raise DataError(
            f"{sample}: column '{unknown[0]}' is not a class of the run; its classes"
            f" are {', '.join(predictions.classes[:3])}..."
        )
    places = _places(predictions.files)
    unreadable = _places(list(predictions.unreadable))
    filled: list[list[Any]] = [header]
    predicted = predictions.predicted
    for name, *own in rows:
        found = places.get(name, [])
        if len(found) > 1:
            either = " and ".join(str(predictions.files[row]) for row in found[:2])
            raise DataError(
                f"{sample}: '{name}' matches {either}; name one of them in full"
            )
        if not found and name in unreadable:
            filled.append([name, *own])
            continue
        if not found:
            raise DataError(f"{sample}: no prediction for '{name}'; add its image")
        at = found[0]
        values = predictions.probabilities[at]
        cells = [predicted[at]] if single else [values[by_class[c]] for c in columns]
        filled.append([name, *cells])
    return csv_text(filled)


def _places(files: Sequence[Path]) -> dict[str, list[int]]:
    """Return the indices of the files that each name may mean; longer names first."""
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
        reason = getattr(error, "strerror", None) or "not CSV with a header"
        raise DataError(f"{sample}: can't be read ({reason})") from error
    if len(header) < 2:
        raise DataError(f"{sample}: expected a column of images and one of predictions")
    return header, rows
