"""The epochs of a training, each depending only on the weights of the one before."""

import math
import time
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import NetworkError
from featx.frameworks import import_keras, import_tensorflow
from featx.training.batches import Batches
from featx.training.checkpoints import Checkpoints
from featx.training.log import EpochLog

if TYPE_CHECKING:
    import keras

CROSS_ENTROPY = "cross_entropy"
"""A metric that takes the place of the loss where that has other parts."""

PACE_STEPS = 3
"""Steps that are measured, if there are as many, to say how long an epoch takes."""

SEED_STATE = "seed_generator_state"
"""Ends the path of the variables that Keras' random layers draw from."""


def run_epochs(
    model: "keras.Model",
    batches: Batches,
    checkpoints: Checkpoints,
    *,
    epochs: int,
    validation: Batches | None = None,
    rate: Callable[[int], float] | None = None,
    after: Callable[[], Set[int]] = frozenset,
    tensorboard: Path | None = None,
    on_pace: Callable[[float], None] | None = None,
) -> None:
    """Train a compiled model from where its log ends, and save it after each epoch.

    All that is random in an epoch (the order of the samples, dropout, augmentation)
    follows from the seed and the number of the epoch, so an interrupted training ends
    with the same weights as one that ran through.

    Parameters
    ----------
    model : keras.Model
        Compiled, its optimizer built.
    batches : Batches
        To train on.
    checkpoints : Checkpoints
        Their log gets a row for each epoch: Keras' metrics, `learning_rate` and
        `seconds`.
    epochs : int
        In all, those in the log included.
    validation : Batches, optional
        Measured after each epoch.
    rate : callable, optional
        From the number of an epoch, counted from 0, to its learning rate.
    after : callable
        Called when an epoch is in the log. May stop the training; returns which
        epochs' weights to keep beside the last one's.
    tensorboard : Path, optional
        Where logs for TensorBoard go.
    on_pace : callable, optional
        Called once, after a few steps, with the seconds that an epoch will take.

    Raises
    ------
    NetworkError
        The loss became NaN or infinite, memory ran out, or the state can't be written.
    """
    tf = import_tensorflow()
    log, seed = checkpoints.log, batches.seed
    states = _random_states(model, batches)

    def before(epoch: int) -> None:
        if rate is not None:
            model.optimizer.learning_rate = rate(epoch)
        _reseed(states, [seed, epoch])

    def finish() -> None:
        checkpoints.save(model, also=after())
        checkpoints.on_epoch(len(log.rows))

    def order() -> NDArray[np.intp]:
        rng = np.random.default_rng([seed, len(log.rows)])
        return rng.permutation(len(batches.samples))

    checkpoints.on_epoch(len(log.rows))
    callbacks = [
        _logging_callback(log, before, finish),
        *_watchers(tensorboard, on_pace),
    ]
    if log.rows:
        checkpoints.load(model, len(log.rows))
    try:
        model.fit(
            batches.dataset(order),
            validation_data=validation.dataset() if validation else None,
            epochs=epochs,
            initial_epoch=len(log.rows),
            shuffle=False,  # the data set has a new order in each epoch
            verbose=0,
            callbacks=callbacks,
        )
    except tf.errors.ResourceExhaustedError:
        raise NetworkError(
            "out of memory; lower --batch-size or use smaller images"
        ) from None


def _logging_callback(
    log: EpochLog, before: Callable[[int], None], after: Callable[[], None]
) -> Any:
    """Return the Keras callback that logs epochs, and calls others around them."""
    keras = import_keras()

    class Logging(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.started = time.perf_counter()
            before(epoch)

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            # The last step may have spoilt the weights, which its loss doesn't show.
            if not all(map(math.isfinite, (logs["loss"], logs.get("val_loss", 0)))):
                raise NetworkError(
                    f"the loss became NaN or infinite after epoch {epoch + 1}; lower"
                    " --learning-rate"
                )
            row = plain(logs)
            row["learning_rate"] = float(self.model.optimizer.learning_rate)
            row["seconds"] = round(time.perf_counter() - self.started, 3)
            log.rows.append(row)
            after()

    return Logging()


def plain(logs: Mapping[str, float]) -> dict[str, float]:
    """Return what Keras measured, with the cross-entropy for the loss."""
    row = {name: float(value) for name, value in logs.items()}
    for prefix in ("", "val_"):
        if (name := f"{prefix}{CROSS_ENTROPY}") in row:
            row[f"{prefix}loss"] = row.pop(name)
    return row


def _watchers(
    tensorboard: Path | None, on_pace: Callable[[float], None] | None
) -> list[Any]:
    """Return the Keras callbacks that change nothing."""
    found = []
    if tensorboard is not None:
        found.append(import_keras().callbacks.TensorBoard(str(tensorboard)))
    if on_pace is not None:
        found.append(_pace_callback(on_pace))
    return found


def _pace_callback(on_pace: Callable[[float], None]) -> Any:
    """Return the Keras callback that says from a few steps how long an epoch takes."""
    keras, ends = import_keras(), list[float]()

    class Pace(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            # The first step is traced, which takes longer.
            steps, measured = self.params["steps"], len(ends)
            last = min(PACE_STEPS, steps - 1)
            if measured <= last:
                ends.append(time.perf_counter())
            if measured == last > 0:
                on_pace((ends[-1] - ends[0]) / last * steps)

    return Pace()


def _random_states(model: "keras.Model", batches: Batches) -> list[Any]:
    """Return the variables that random layers and the mixing draw from."""
    states = [one for one in model.variables if one.path.endswith(SEED_STATE)]
    return [*states, *(batches.mixing.states if batches.mixing else ())]


def _reseed(states: Sequence[Any], seed: list[int]) -> None:
    """Make dropout and augmentation draw as if the training was never interrupted."""
    rng = np.random.default_rng(seed)
    for state in states:
        drawn = rng.integers(2**31, size=state.shape)
        state.assign(drawn.astype(state.dtype))
