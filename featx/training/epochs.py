"""The epochs of a training, each going on from the weights of the one before alone."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.errors import NetworkError
from featx.frameworks import import_keras
from featx.training.checkpoints import Log

if TYPE_CHECKING:
    import keras

SEED_STATE = "seed_generator_state"
"""How Keras names what its random layers draw from."""

Draw = Callable[[], np.random.Generator]


def run_epochs(
    model: "keras.Model",
    make_batches: Callable[[Draw], Any],
    log: Log,
    *,
    epochs: int,
    seed: int,
    watched: Any = None,
    rate: Callable[[int], float] | None = None,
    after: Callable[[], None] = lambda: None,
    states: Sequence[Any] = (),
    tensorboard: Path | None = None,
) -> None:
    """Train a compiled model from where its log ends.

    What an epoch draws, the order of its rows, dropout and augmentation, follows from
    the seed and the epoch's number: one that was interrupted ends as a whole one.

    Parameters
    ----------
    model : keras.Model
        Its optimizer is built.
    make_batches : callable
        Makes the data set. Its argument, called while an epoch's first batch is
        gathered, returns what that epoch's order is to be drawn with.
    log : Log
        Gets a row for each epoch: what Keras measured, `learning_rate` and `seconds`.
    epochs : int
        Those in the log are among them.
    seed : int
    watched : tf.data.Dataset, optional
        What is measured after each epoch.
    rate : callable, optional
        Told an epoch's number, from 0 on, returns its learning rate.
    after : callable
        Called when an epoch is in the log.
    states : sequence of keras.Variable
        What else random numbers are drawn from, besides the model's own layers.
    tensorboard : Path, optional
        Where logs for TensorBoard go.

    Raises
    ------
    NetworkError
        The loss is no number any more.
    tf.errors.ResourceExhaustedError
        The memory is too small.
    """
    keras = import_keras()
    current, started = 0, 0.0
    drawing = [one for one in model.variables if one.path.endswith(SEED_STATE)]
    drawing += states

    class Watch(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            nonlocal current, started
            current, started = epoch, time.perf_counter()
            if rate is not None:
                model.optimizer.learning_rate = rate(epoch)
            _seed(drawing, [seed, epoch])

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if not math.isfinite(logs["loss"]):
                raise NetworkError(
                    f"the loss is no number any more after epoch {epoch + 1}; take a"
                    " smaller --learning-rate"
                )
            row = {name: float(value) for name, value in logs.items()}
            row["learning_rate"] = float(model.optimizer.learning_rate)
            row["seconds"] = round(time.perf_counter() - started, 3)
            log.rows.append(row)
            after()

    callbacks = [Watch()]
    if tensorboard is not None:
        callbacks.append(keras.callbacks.TensorBoard(str(tensorboard)))
    if log.rows:
        log.load(model, len(log.rows))
    model.fit(
        make_batches(lambda: np.random.default_rng([seed, current])),
        validation_data=watched,
        epochs=epochs,
        initial_epoch=len(log.rows),
        shuffle=False,  # each epoch comes in an order of its own already
        verbose=0,
        callbacks=callbacks,
    )


def _seed(states: Sequence[Any], seed: list[int]) -> None:
    """Have dropout and augmentation draw in an epoch as they would without a kill."""
    rng = np.random.default_rng(seed)
    for state in states:
        drawn = rng.integers(2**31, size=state.shape)
        state.assign(drawn.astype(state.dtype))
