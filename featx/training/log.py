"""The log of a training: what was measured in each epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")

Epoch = dict[str, float]
"""What was measured in one epoch, by name."""

History = dict[str, list[float]]
"""Columns of one value per epoch."""


@dataclass
class EpochLog:
    """What was measured in the epochs of a training.

    Attributes
    ----------
    start : dict
        `val_loss` and `val_accuracy` before the first epoch, where they were measured.
    rows : list of dict
        `loss`, `accuracy`, `learning_rate` and `seconds` of each epoch; with a
        validation split `val_loss` and `val_accuracy` too.
    """

    start: Epoch = field(default_factory=dict)
    rows: list[Epoch] = field(default_factory=list)

    def validation(self, measure: str) -> list[float]:
        """Return a validation measure before the first epoch and after each."""
        return [row[f"val_{measure}"] for row in (self.start, *self.rows)]

    @property
    def seconds(self) -> float:
        """Seconds that all epochs took, including those before an interruption."""
        return sum(row["seconds"] for row in self.rows)


def as_history(rows: Sequence[Epoch], columns: Sequence[str] = CURVES) -> History:
    """Return epochs as columns, `epoch` first, counted from 1.

    Columns that the rows lack are left out.
    """
    history = {"epoch": [float(place + 1) for place in range(len(rows))]}
    for name in columns:
        if rows and name in rows[0]:
            history[name] = [row[name] for row in rows]
    return history
