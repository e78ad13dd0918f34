"""Training a network, epoch by epoch, on pixels that may not fit into the memory."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import NetworkError
from featx.frameworks import import_keras, import_tensorflow

if TYPE_CHECKING:
    import keras

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")

PREFETCH = 2
"""Batches gathered ahead of the network."""

NO_MEMORY = "not enough memory to train {}; take a smaller --batch-size or --image-size"


@dataclass(frozen=True)
class LabelledPixels:
    """Decoded images and their labels.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, side, side, 3)
        RGB; may lie in a file.
    labels : ndarray of int, shape (n,)
        Codes from 0 on.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.integer]


@dataclass(frozen=True)
class Schedule:
    """How long and how a network is trained, with Adam.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate : float
    seed : int
        Of the order of the images, which is another one each epoch.
    """

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


History = dict[str, list[float]]


def train_network(
    model: "keras.Model",
    images: LabelledPixels,
    train: NDArray[np.integer],
    held_out: NDArray[np.integer],
    schedule: Schedule,
    *,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> History:
    """Train a network in place.

    Parameters
    ----------
    model : keras.Model
        As `build_network` makes it.
    images : LabelledPixels
    train, held_out : ndarray of int
        Rows to learn from and rows to watch; the latter may be none and decide
        nothing.
    schedule : Schedule
    on_epoch : callable
        Called with the number of epochs done after each.

    Returns
    -------
    dict
        `epoch`, `loss`, `accuracy` and, with rows held out, `val_loss` and
        `val_accuracy`: one value an epoch. Those of training are means over the
        epoch, with dropout and augmentation at work.

    Raises
    ------
    NetworkError
        The loss is no number any more, or the memory is too small.
    """
    keras, tf = import_keras(), import_tensorflow()
    model.compile(
        optimizer=keras.optimizers.Adam(schedule.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # On a CPU, XLA is slower; and one way everywhere is one result.
        jit_compile=False,
    )

    def after_epoch(epoch: int, logs: dict[str, float]) -> None:
        if not math.isfinite(logs["loss"]):
            raise NetworkError(
                f"{model.name}: the loss is no number any more after epoch"
                f" {epoch + 1}; take a smaller --learning-rate"
            )
        on_epoch(epoch + 1)

    watched = None
    if len(held_out):
        watched = _batches(tf, images, held_out, schedule.batch_size)
    try:
        fitted = model.fit(
            _batches(tf, images, train, schedule.batch_size, seed=schedule.seed),
            validation_data=watched,
            epochs=schedule.epochs,
            shuffle=False,  # each epoch comes in an order of its own already
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)],
        )
    except tf.errors.ResourceExhaustedError:
        raise NetworkError(NO_MEMORY.format(model.name)) from None
    curves = {name: fitted.history[name] for name in CURVES if name in fitted.history}
    return {
        "epoch": [float(epoch + 1) for epoch in fitted.epoch],
        **{name: [float(value) for value in curve] for name, curve in curves.items()},
    }


def predict_rows(
    model: "keras.Model",
    images: LabelledPixels,
    rows: NDArray[np.integer],
    *,
    batch_size: int = 64,
) -> NDArray[np.float64]:
    """Return probabilities of some images, shape (len(rows), n_classes)."""
    tf = import_tensorflow()
    batches = _batches(tf, images, rows, batch_size)
    found = model.predict(batches, verbose=0).astype(np.float64)
    # float32 sums to one up to its own rounding only.
    probabilities: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
    return probabilities


def _batches(
    tf: Any,
    images: LabelledPixels,
    rows: NDArray[np.integer],
    batch_size: int,
    *,
    seed: int | None = None,
) -> Any:
    """Return a data set of batches, gathered when asked for; shuffled with a seed."""
    rng = None if seed is None else np.random.default_rng(seed)

    def gather() -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        order = rows if rng is None else rng.permutation(rows)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield images.pixels[chosen], images.labels[chosen].astype(np.int64)

    shape = images.pixels.shape[1:]
    signature = (
        tf.TensorSpec((None, *shape), tf.uint8),
        tf.TensorSpec((None,), tf.int64),
    )
    batches = tf.data.Dataset.from_generator(gather, output_signature=signature)
    count = math.ceil(len(rows) / batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(
        PREFETCH
    )
