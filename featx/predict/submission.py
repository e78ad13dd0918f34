"""Kaggle submissions: fill the columns of a sample submission by name."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from featx.addresses import Address
from featx.atomic import csv_text
from featx.errors import DataError
from featx.files import open_text
from featx.predict.predictions import Predictions


def check_submission(
    sample: str | Path, classes: Sequence[str], files: Sequence[Address]
) -> None:
    """Check that a sample submission can be filled, before anything is predicted.

    Parameters
    ----------
    sample : str or Path
    classes : sequence of str
        That will be predicted.
    files : sequence of Path or UPath
        That will be classified.

    Raises
    ------
    DataError
        As `fill_submission` raises it.
    """
    sample = Path(sample)
    header, rows = _read(sample)
    _has_one_answer(sample, header, classes)
    places = _places(files)
    for name, *_ in rows:
        _find(sample, name, places, files)


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
    single = _has_one_answer(sample, header, predictions.classes)
    codes = [] if single else [predictions.classes.index(name) for name in header[1:]]
    files = [*predictions.files, *predictions.unreadable]
    places = _places(files)
    filled: list[list[Any]] = [header]
    predicted = predictions.predicted
    for name, *own in rows:
        at = _find(sample, name, places, files)
        if at >= len(predictions):  # unreadable
            filled.append([name, *own])
            continue
        values = predictions.probabilities[at]
        filled.append([name, *([predicted[at]] if single else values[codes])])
    return csv_text(filled)


def _has_one_answer(sample: Path, header: list[str], classes: Sequence[str]) -> bool:
    """Return whether the only column is for the predicted class, not for one class.

    Raises
    ------
    DataError
        Of several columns one is no class.
    """
    unknown = [name for name in header[1:] if name not in set(classes)]
    if unknown and len(header) > 2:
        raise DataError(
            f"{sample}: column '{unknown[0]}' is not a class of the run; its classes"
            f" are {', '.join(classes[:3])}..."
        )
    return bool(unknown)


def _find(
    sample: Path,
    name: str,
    places: Mapping[str, Sequence[int]],
    files: Sequence[Address],
) -> int:
    """Return the index of the file that a row names.

    Raises
    ------
    DataError
        There is none, or several.
    """
    found = places.get(name, [])
    if not found:
        raise DataError(f"{sample}: no prediction for '{name}'; add its image")
    if len(found) > 1:
        either = " and ".join(str(files[row]) for row in found[:2])
        raise DataError(
            f"{sample}: '{name}' matches {either}; name one of them in full"
        )
    return found[0]


def _places(files: Sequence[Address]) -> dict[str, list[int]]:
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
        with open_text(sample, encoding="utf-8-sig") as stream:
            header, *rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not CSV with a header"
        raise DataError(f"{sample}: can't be read ({reason})") from error
    if len(header) < 2:
        raise DataError(f"{sample}: expected a column of images and one of predictions")
    return header, rows
