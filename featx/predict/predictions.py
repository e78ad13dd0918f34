"""The class probabilities that a classifier predicts for images."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.atomic import csv_text
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
    """

    classes: tuple[str, ...]
    files: tuple[Address, ...]
    probabilities: NDArray[np.float64]
    unreadable: dict[Address, str]
    notes: tuple[str, ...] = ()

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

    def top(self, count: int) -> list[list[tuple[str, float]]]:
        """Return the most probable classes of each image, the most probable first."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :count]
        return [
            [(self.classes[code], float(row[code])) for code in codes]
            for row, codes in zip(self.probabilities, order, strict=True)
        ]

    def to_csv(self) -> str:
        """Return CSV, a line per image: `path,predicted,confidence,p_<class>...`.

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
        return ["path", "predicted", "confidence", *(f"p_{c}" for c in self.classes)]

    def _rows(self) -> Iterator[list[Any]]:
        rows = zip(self.files, self.predicted, self.probabilities, strict=True)
        for path, name, row in rows:
            yield [str(path), name, row.max(), *row]
        nothing = [None] * (2 + len(self.classes))
        yield from ([str(path), *nothing] for path in self.unreadable)
