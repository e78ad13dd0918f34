"""What a model is trained on: arrays with labels, dealt into batches."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_tensorflow
from featx.training.augmentation_layers import Mixing

PREFETCH = 2
"""Batches gathered ahead of the model."""


@dataclass(frozen=True)
class Samples:
    """Rows to learn from, or to watch.

    Attributes
    ----------
    inputs : tuple of ndarray
        One for each input of the model; may lie in files.
    rows : ndarray of int, shape (n,)
        Which of their rows are meant.
    labels : ndarray of int, shape (n,)
        Codes from 0 on.
    weight : ndarray of float, shape (n,)
        How much each row counts; rows of one class alike.
    """

    inputs: tuple[NDArray[Any], ...]
    rows: NDArray[np.intp]
    labels: NDArray[np.integer]
    weight: NDArray[np.floating]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    def take(self, chosen: Any) -> tuple[NDArray[Any], ...]:
        """Return some of the rows, of each input."""
        rows = self.rows[chosen]
        return tuple(array[rows] for array in self.inputs)

    def batches(
        self,
        n_classes: int,
        batch_size: int,
        *,
        order: Callable[[], NDArray[np.intp]] | None = None,
        mixing: Mixing | None = None,
    ) -> Any:
        """Return a data set of (inputs, one-hot labels, weights).

        Parameters
        ----------
        n_classes, batch_size : int
        order : callable, optional
            Asked at the start of each epoch for the rows' order; as they are by
            default.
        mixing : Mixing, optional
            For models of one input.
        """
        tf = import_tensorflow()
        one_hot = np.eye(n_classes, dtype=np.float32)

        def gather() -> Iterator[tuple[Any, Any, Any]]:
            rows = np.arange(len(self)) if order is None else order()
            for start in range(0, len(rows), batch_size):
                chosen = rows[start : start + batch_size]
                yield (
                    self.take(chosen),
                    one_hot[self.labels[chosen]],
                    self.weight[chosen].astype(np.float32),
                )

        signature = (
            tuple(
                tf.TensorSpec((None, *array.shape[1:]), array.dtype)
                for array in self.inputs
            ),
            tf.TensorSpec((None, n_classes), tf.float32),
            tf.TensorSpec((None,), tf.float32),
        )
        batches = tf.data.Dataset.from_generator(gather, output_signature=signature)
        count = math.ceil(len(self) / batch_size)
        batches = batches.apply(tf.data.experimental.assert_cardinality(count))
        if mixing is not None:
            by_class = np.zeros(n_classes, np.float32)
            by_class[self.labels] = self.weight

            def mix(inputs: Any, labels: Any, _: Any) -> tuple[Any, Any, Any]:
                images, mixed = mixing(tf.cast(inputs[0], tf.float32), labels)
                # Each of the two counts as much as its class does.
                weight = tf.linalg.matvec(mixed, by_class)
                return (tf.cast(tf.round(images), tf.uint8),), mixed, weight

            batches = batches.map(mix)
        return batches.prefetch(PREFETCH)
