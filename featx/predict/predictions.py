"""The class probabilities that a classifier predicts for images."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.atomic import csv_text
from featx.evaluation.conformal import SetRule
from featx.evaluation.familiarity import UNLIKE
from featx.runs.frames import import_pandas

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False, eq=False)
class Predictions:
    """Class probabilities of images.

    Attributes
    ----------
    classes : tuple of str
        In the order of the columns.
    files : tuple of Path or UPath
        The images that could be read.
    probabilities : ndarray of float64, shape (n, n_classes)
        Each row sums to one.
    unreadable : dict of Path or UPath to str
        The other images, with the reason.
    notes : tuple of str
        Remarks on how the probabilities were computed.
    set_rule : SetRule or None
        Which classes are in the prediction sets, where a coverage was asked for.
    unlike_training : ndarray of float64, shape (n,), or None
        Share of the training images that are nearer to the other training images than
        this image is. None for runs that can't tell.
    """

    classes: tuple[str, ...]
    files: tuple[Address, ...]
    probabilities: NDArray[np.float64]
    unreadable: dict[Address, str]
    notes: tuple[str, ...] = ()
    set_rule: SetRule | None = None
    unlike_training: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        counts = f"{len(self)} images, {len(self.classes)} classes"
        unreadable = f", {len(self.unreadable)} unreadable" if self.unreadable else ""
        return f"Predictions({counts}{unreadable})"

    @property
    def predicted(self) -> list[str]:
        """The most probable class of each image."""
        return [self.classes[code] for code in self.probabilities.argmax(axis=1)]

    @property
    def sets(self) -> list[list[str]] | None:
        """The prediction set of each image, the most probable class first.

        None where no coverage was asked for.
        """
        if self.set_rule is None:
            return None
        sizes = self.set_rule.members(self.probabilities).sum(axis=1)
        order = np.argsort(-self.probabilities, axis=1, kind="stable")
        return [
            [self.classes[code] for code in codes[:size]]
            for codes, size in zip(order, sizes, strict=True)
        ]

    @property
    def unlike(self) -> list[Address]:
        """The images that are like nothing in training.

        They are farther from the training images than 99% of these are from each other.
        """
        if self.unlike_training is None:
            return []
        return [
            self.files[row] for row in np.flatnonzero(self.unlike_training >= UNLIKE)
        ]

    def top(self, count: int) -> list[list[tuple[str, float]]]:
        """Return the most probable classes of each image, the most probable first."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :count]
        return [
            [(self.classes[code], float(row[code])) for code in codes]
            for row, codes in zip(self.probabilities, order, strict=True)
        ]

    def to_csv(self) -> str:
        """Return CSV, a line per image: `path,predicted,confidence,p_<class>...`.

        Where a coverage was asked for, `set_size`, `set`, a list in JSON, and
        `unlike_training`, if the run can tell, stand before the probabilities.
        Unreadable images come last, and have a path only.
        """
        return csv_text([self._columns, *self._rows()])

    def to_frame(self) -> "pd.DataFrame":
        """Return the rows and columns of `to_csv` as a pandas DataFrame.

        Raises
        ------
        FeatxError
            pandas is not installed.
        """
        pd = import_pandas()
        return pd.DataFrame(list(self._rows()), columns=self._columns)

    @property
    def _columns(self) -> list[str]:
        probabilities = [f"p_{name}" for name in self.classes]
        return ["path", "predicted", "confidence", *self.doubts, *probabilities]

    @property
    def doubts(self) -> dict[str, list[Any]]:
        """What is told of each image where a coverage was asked for, by name.

        `set_size` and `set`, and `unlike_training` if the run can tell. Otherwise
        empty.
        """
        sets = self.sets
        if sets is None:
            return {}
        columns: dict[str, list[Any]] = {
            "set_size": [len(names) for names in sets],
            "set": sets,
        }
        if self.unlike_training is not None:
            columns["unlike_training"] = self.unlike_training.tolist()
        return columns

    def _rows(self) -> Iterator[list[Any]]:
        doubts = self.doubts
        if "set" in doubts:
            texts = (json.dumps(names, ensure_ascii=False) for names in doubts["set"])
            doubts["set"] = list(texts)
        rows = zip(self.files, self.predicted, self.probabilities, strict=True)
        for place, (path, name, row) in enumerate(rows):
            told = (column[place] for column in doubts.values())
            yield [str(path), name, row.max(), *told, *row]
        nothing = [None] * (2 + len(doubts) + len(self.classes))
        yield from ([str(path), *nothing] for path in self.unreadable)
