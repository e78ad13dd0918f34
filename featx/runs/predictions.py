"""Read what a run predicted for the test split, and its training curves."""

import csv
import io
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.files import open_text
from featx.runs.files import (
    HELD_OUT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    damaged,
)

FIRST_PROBABILITY = 4
"""Columns of `predictions.csv` before those of the classes."""

UNDECODED = "surrogateescape"
"""How CSV files keep file names that are not UTF-8: byte by byte."""


@dataclass(frozen=True)
class RunPredictions:
    """What a run predicted for the test split, one row per image.

    Attributes
    ----------
    paths : tuple of str
        Relative to the data folder.
    labels, predicted : tuple of str
        Class names: the true and the predicted one.
    confidence : ndarray of float64, shape (n,)
        Probability of the predicted class.
    probabilities : ndarray of float64, shape (n, n_classes)
        Columns in class order.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    predicted: tuple[str, ...]
    confidence: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the predicted class is the true one, shape (n,)."""
        pairs = zip(self.labels, self.predicted, strict=True)
        return np.array([label == predicted for label, predicted in pairs], dtype=bool)


class HeldOut(NamedTuple):
    """Whether a run was right about training images that were held out of training.

    Attributes
    ----------
    paths : tuple of str
        Relative to the data folder.
    groups : ndarray of int, shape (n,)
        Images of one group are copies.
    correct : ndarray of bool, shape (n,)
    """

    paths: tuple[str, ...]
    groups: NDArray[np.integer]
    correct: NDArray[np.bool_]


HELD_OUT_COLUMNS = ["path", "group", "correct"]


def read_held_out(folder: Path) -> HeldOut | None:
    """Read `held_out.csv` of a run folder; None where there is none.

    Raises
    ------
    RunError
        The file is not as featx writes it.
    """
    path = folder / HELD_OUT_FILE
    try:
        header, *rows = _read_rows(path)
        if header != HELD_OUT_COLUMNS or not rows:
            raise damaged(path, f"not the columns {', '.join(HELD_OUT_COLUMNS)}")
        paths, groups, correct = zip(*rows, strict=True)
        right = np.array(correct, dtype=np.int64)
        return HeldOut(paths, np.array(groups, dtype=np.int64), right > 0)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, csv.Error) as error:
        raise damaged(path, error) from error


def read_predictions(folder: Path, n_classes: int, n_images: int) -> RunPredictions:
    """Read `predictions.csv` of a run folder.

    Raises
    ------
    RunError
        The file is missing or not as featx writes it.
    """
    path = folder / PREDICTIONS_FILE
    try:
        header, *rows = _read_rows(path)
        width = FIRST_PROBABILITY + n_classes
        if {len(row) for row in (header, *rows)} != {width}:
            raise damaged(path, f"not {width} columns throughout")
        if len(rows) != n_images:
            raise damaged(path, f"{len(rows)} rows for {n_images} images")
        columns = list(zip(*rows, strict=True)) or [()] * width
        return RunPredictions(
            paths=columns[0],
            labels=columns[1],
            predicted=columns[2],
            confidence=np.array(columns[3], dtype=np.float64),
            probabilities=np.array(columns[FIRST_PROBABILITY:], dtype=np.float64).T,
        )
    except (OSError, ValueError, csv.Error) as error:
        raise damaged(path, error) from error


def first_path(folder: Path) -> str | None:
    """Return the first test image in `predictions.csv`, None where it has none."""
    try:
        with open_text(folder / PREDICTIONS_FILE, errors=UNDECODED) as stream:
            return next(islice(csv.reader(stream), 1, None))[0]
    except (OSError, ValueError, StopIteration, IndexError, csv.Error):
        return None


def read_history(
    folder: Path, name: str = HISTORY_FILE
) -> dict[str, NDArray[np.float64]]:
    """Read the training curves of a run folder: column name to one value per epoch.

    Parameters
    ----------
    folder : Path
    name : str
        Of the file.

    Returns
    -------
    dict
        Empty where there is no such file: nothing was trained by epochs.

    Raises
    ------
    RunError
        The file is not as featx writes it.
    """
    path = folder / name
    try:
        header, *rows = _read_rows(path)
        values = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
        return dict(zip(header, values.T, strict=True))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, csv.Error) as error:
        raise damaged(path, error) from error


def _read_rows(path: Path) -> list[list[str]]:
    with open_text(path, errors=UNDECODED) as stream:
        text = stream.read()
    if "\0" in text:  # what a disk that lost its power may leave; csv takes it
        raise ValueError("NUL bytes")
    return list(csv.reader(io.StringIO(text, newline="")))
