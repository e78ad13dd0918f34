"""What a classifier says of some images."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answers:
    """What a classifier says of some images.

    Attributes
    ----------
    classes : tuple of str
        In the order of the columns.
    files : tuple of Path
        The images that could be read.
    probabilities : ndarray of float64, shape (n, n_classes)
        Each row sums to one.
    unreadable : dict of Path to str
        The others, with the reason.
    notes : tuple of str
        What a reader should know.
    """

    classes: tuple[str, ...]
    files: tuple[Path, ...]
    probabilities: NDArray[np.float64]
    unreadable: dict[Path, str]
    notes: tuple[str, ...] = ()

    @property
    def predicted(self) -> list[str]:
        """The most probable class of each image."""
        return [self.classes[code] for code in self.probabilities.argmax(axis=1)]

    def as_csv(self) -> str:
        """Return `path,predicted,confidence,p_<class>...`, a line per image."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [f"p_{name}" for name in self.classes]
        writer.writerow(["path", "predicted", "confidence", *columns])
        rows = zip(self.files, self.predicted, self.probabilities, strict=True)
        for path, name, row in rows:
            writer.writerow([path, name, row.max(), *row])
        return text.getvalue()

    def top(self, count: int) -> list[list[tuple[str, float]]]:
        """Return each image's most probable classes, the first one first."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :count]
        return [
            [(self.classes[code], float(row[code])) for code in codes]
            for row, codes in zip(self.probabilities, order, strict=True)
        ]
