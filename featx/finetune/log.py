"""What a training has come to, kept so that a kill loses an epoch at most."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from featx.durable import write_whole, written_whole

if TYPE_CHECKING:
    import keras

LOG_FILE = "epochs.json"

Row = dict[str, float]


@dataclass
class Log:
    """What the epochs of a training were like, and the weights after the last ones.

    The file of the log is written after those of the weights, and each whole or not at
    all: whatever it tells of can be gone on from. (`keras.callbacks.BackupAndRestore`
    writes its two files in place; a kill between them trains an epoch twice.)

    Attributes
    ----------
    folder : Path
    start : dict
        `val_loss` and `val_accuracy` before the first epoch.
    rows : list of dict
        `loss`, `accuracy`, `val_loss`, `val_accuracy`, `learning_rate` and `seconds`
        of each epoch.
    """

    folder: Path
    start: Row = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path) -> "Log":
        """Read what an interrupted training left; what is damaged counts as nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            content = json.loads((folder / LOG_FILE).read_text("utf-8"))
            log = cls(folder, content["start"], content["rows"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(folder)
        return log if log._weights(len(log.rows)).is_file() else cls(folder)

    def keep(self, model: "keras.Model", epochs: set[int]) -> None:
        """Keep the model's weights as those of now, and of earlier epochs only these.

        Weights of the optimizer are among them.
        """
        with written_whole(self._weights(len(self.rows))) as aside:
            model.save_weights(aside, overwrite=True)
        content = {"start": self.start, "rows": self.rows}
        write_whole(self.folder / LOG_FILE, json.dumps(content).encode())
        kept = {self._weights(epoch) for epoch in epochs}
        for path in self.folder.glob("*.weights.h5"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def load(self, model: "keras.Model", epoch: int) -> None:
        """Give a model the weights that were kept of an epoch."""
        model.load_weights(self._weights(epoch))

    def watched(self, monitor: str) -> list[float]:
        """Return what the validation part gave, at the start and after each epoch."""
        return [row[f"val_{monitor}"] for row in (self.start, *self.rows)]

    def _weights(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.weights.h5"
