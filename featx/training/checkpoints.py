"""Weights kept per epoch, so that an interrupted training loses one epoch at most."""

import json
import zipfile
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.atomic import atomic_file, remove_leftovers, write_atomically
from featx.errors import NetworkError
from featx.files import read_json
from featx.training.log import EpochLog

if TYPE_CHECKING:
    import keras

OnEpoch = Callable[[int], None]
"""Called with a number of epochs."""

LOG_FILE, WEIGHTS_FILES = "epochs.json", "epoch-*.npz"


@dataclass
class Checkpoints:
    """A training's state on disk: the log of its epochs, and weights of some of them.

    The log is written after the weights, and each file whole or not at all: a training
    can go on from whatever the log contains. (`keras.callbacks.BackupAndRestore` writes
    its two files in place; a kill between them trains an epoch twice.)

    Attributes
    ----------
    folder : Path
    on_epoch : callable
        Called with the number of finished epochs, at the start of a training and after
        each epoch.
    log : EpochLog
    """

    folder: Path
    on_epoch: OnEpoch
    log: EpochLog = field(default_factory=EpochLog)

    @classmethod
    def open(cls, folder: Path, on_epoch: OnEpoch = lambda _: None) -> "Checkpoints":
        """Read the state of an interrupted training; a damaged one counts as none.

        What a killed training left half written is removed: each may be as large as
        the model.

        Raises
        ------
        OSError
            The folder can't be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        found = cls(folder, on_epoch)
        try:
            content = read_json(folder / LOG_FILE)
            log = EpochLog(content["start"], content["rows"])
            # The weights of the best epoch are there as well.
            for path in {found._path(len(log.rows)), *folder.glob(WEIGHTS_FILES)}:
                with zipfile.ZipFile(path) as weights:
                    if weights.testzip() is not None:
                        return found
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return found
        return cls(folder, on_epoch, log)

    def save(self, model: "keras.Model", *, also: Set[int] = frozenset()) -> None:
        """Write the log, and the weights of the model and its optimizer.

        Parameters
        ----------
        model : keras.Model
            Compiled; trained for the epochs in the log.
        also : set of int
            Earlier epochs whose weights are kept; those of all others are deleted.

        Raises
        ------
        NetworkError
            The files can't be written.
        """
        epoch = len(self.log.rows)
        # Keras' HDF5 would print a page from its destructors on a full disk.
        weights = [variable.numpy() for variable in _variables(model)]
        content = {"start": self.log.start, "rows": self.log.rows}
        try:
            with atomic_file(self._path(epoch)) as aside:
                np.savez(aside, *weights)
            write_atomically(self.folder / LOG_FILE, json.dumps(content).encode())
        except OSError as error:
            raise NetworkError(
                f"{self.folder}: can't write the weights of epoch {epoch}"
                f" ({error.strerror or error}); fix that and run the same command again"
                " to continue"
            ) from error
        kept = {self._path(one) for one in (epoch, *also)}
        for path in self.folder.glob(WEIGHTS_FILES):
            if path not in kept:
                path.unlink(missing_ok=True)

    def load(self, model: "keras.Model", epoch: int) -> None:
        """Set the weights of a compiled model to those kept after an epoch."""
        with np.load(self._path(epoch)) as weights:
            for variable, value in zip(
                _variables(model), weights.values(), strict=True
            ):
                variable.assign(value)

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.npz"


def _variables(model: "keras.Model") -> list[Any]:
    """Return all variables of a compiled model and of its optimizer."""
    return [*model.variables, *model.optimizer.variables]
