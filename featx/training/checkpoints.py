"""What a training has come to, kept so that a kill loses an epoch at most."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.atomic import atomic_file, write_atomically
from featx.errors import NetworkError

if TYPE_CHECKING:
    import keras

LOG_FILE, WEIGHTS_FILES = "epochs.json", "epoch-*.npz"

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")

Row = dict[str, float]
History = dict[str, list[float]]
"""Columns of one value an epoch."""


@dataclass
class Log:
    """What the epochs of a training were like, and the weights after the last one.

    The file of the log is written after those of the weights, and each whole or not at
    all: whatever it tells of can be gone on from. (`keras.callbacks.BackupAndRestore`
    writes its two files in place; a kill between them trains an epoch twice.)

    Attributes
    ----------
    folder : Path
    start : dict
        `val_loss` and `val_accuracy` before the first epoch, where that was measured.
    rows : list of dict
        `loss`, `accuracy`, `learning_rate` and `seconds` of each epoch; of one that was
        watched `val_loss` and `val_accuracy`, too.
    """

    folder: Path
    start: Row = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path) -> "Log":
        """Read what an interrupted training left; what is damaged counts as nothing.

        Raises
        ------
        OSError
            The folder can't be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        try:
            content = json.loads((folder / LOG_FILE).read_text("utf-8"))
            log = cls(folder, content["start"], content["rows"])
            # Those of the best epoch are there besides.
            for path in {log._weights(len(log.rows)), *folder.glob(WEIGHTS_FILES)}:
                with zipfile.ZipFile(path) as weights:
                    if weights.testzip() is not None:
                        return cls(folder)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return cls(folder)
        return log

    def keep(self, model: "keras.Model", epochs: set[int]) -> None:
        """Keep the model's weights as those of now, and of earlier epochs only these.

        Weights of the optimizer are among them.

        Raises
        ------
        NetworkError
            They can't be written.
        """
        # Not Keras' HDF5, which on a full disk prints a page from its destructors.
        weights = [variable.numpy() for variable in _state(model)]
        content = {"start": self.start, "rows": self.rows}
        try:
            with atomic_file(self._weights(len(self.rows))) as aside:
                np.savez(aside, *weights)
            write_atomically(self.folder / LOG_FILE, json.dumps(content).encode())
        except OSError as error:
            raise NetworkError(
                f"{self.folder}: can't write the weights of epoch {len(self.rows)}"
                f" ({error.strerror or error}); mend that, and the same command goes on"
            ) from error
        kept = {self._weights(epoch) for epoch in epochs}
        for path in self.folder.glob(WEIGHTS_FILES):
            if path not in kept:
                path.unlink(missing_ok=True)

    def load(self, model: "keras.Model", epoch: int) -> None:
        """Give a model the weights that were kept of an epoch."""
        with np.load(self._weights(epoch)) as weights:
            for variable, value in zip(_state(model), weights.values(), strict=True):
                variable.assign(value)

    def watched(self, monitor: str) -> list[float]:
        """Return what the validation part gave, at the start and after each epoch."""
        return [row[f"val_{monitor}"] for row in (self.start, *self.rows)]

    @property
    def seconds(self) -> float:
        """Return what all epochs took, those before a kill among them."""
        return sum(row["seconds"] for row in self.rows)

    def _weights(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.npz"


def _state(model: "keras.Model") -> list[Any]:
    """Return all variables of a compiled model, and of its optimizer."""
    return [*model.variables, *model.optimizer.variables]


def as_history(rows: Sequence[Row], columns: Sequence[str] = CURVES) -> History:
    """Return epochs as columns, `epoch` first, counted from 1 on.

    A column that the rows lack isn't there.
    """
    history = {"epoch": [float(place + 1) for place in range(len(rows))]}
    for name in columns:
        if rows and name in rows[0]:
            history[name] = [row[name] for row in rows]
    return history
