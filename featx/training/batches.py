"""What a model is trained on: rows of arrays with labels, dealt into batches."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_tensorflow
from featx.training.augmentation import Augmentation
from featx.training.augmentation_layers import Mixing
from featx.training.settings import TrainingSettings

FULL_RANGE = 255

PREFETCH = 2
"""Batches gathered ahead of the model."""

Order = Callable[[], NDArray[np.intp]]
"""Called at the start of an epoch; returns the order of the samples."""


@dataclass(frozen=True)
class Samples:
    """Rows of arrays, to train, validate or predict on.

    Attributes
    ----------
    inputs : tuple of ndarray
        One for each input of the model; may be memory-mapped.
    rows : ndarray of int, shape (n,)
        Which rows of the inputs to use.
    labels : ndarray of int, shape (n,), optional
        Class codes from 0 on; neither prediction nor an autoencoder needs any.
    weight : ndarray of float, shape (n,), optional
        Weight of each sample in the loss, the same within a class.
    """

    inputs: tuple[NDArray[Any], ...]
    rows: NDArray[np.intp]
    labels: NDArray[np.integer] | None = None
    weight: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.rows)

    def take(self, chosen: Any) -> tuple[NDArray[Any], ...]:
        """Return the chosen samples of each input."""
        rows = self.rows[chosen]
        return tuple(array[rows] for array in self.inputs)


@dataclass(frozen=True)
class Batches:
    """How samples are dealt into batches.

    Attributes
    ----------
    samples : Samples
        Without labels, the images are what a model is to give, as float32 from 0 to 1.
    batch_size : int
    n_classes : int, optional
        Makes the labels one-hot, float32 (n, n_classes); without it they stay codes.
    seed : int
        Of the order of the samples, and of dropout and augmentation in the model.
    smoothing : float
        Share of each one-hot label that is spread over all classes. (Keras' losses can
        do that too, but then the loss of validation images is of such labels.)
    mixing : Mixing, optional
        Mixes the images of a batch and their labels; for models of one input and
        one-hot labels with weights.
    """

    samples: Samples
    batch_size: int
    n_classes: int | None = None
    seed: int = 0
    smoothing: float = 0.0
    mixing: Mixing | None = None

    def dataset(self, order: Order | None = None) -> Any:
        """Return a `tf.data.Dataset` of (inputs, labels) or (inputs, labels, weight).

        Parameters
        ----------
        order : callable, optional
            Without it the samples keep their own order.
        """
        tf = import_tensorflow()
        count = len(self.samples)

        def gather() -> Iterator[tuple[Any, ...]]:
            places = np.arange(count) if order is None else order()
            for start in range(0, count, self.batch_size):
                yield self._batch(places[start : start + self.batch_size])

        signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype),
            self._batch(np.arange(0)),
        )
        batches = tf.data.Dataset.from_generator(gather, output_signature=signature)
        steps = math.ceil(count / self.batch_size)
        batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
        if self.mixing is not None:
            batches = batches.map(self._mix(self.mixing))
        if self.smoothing:
            batches = batches.map(self._smooth)
        return batches.prefetch(PREFETCH)

    def _batch(self, chosen: NDArray[np.intp]) -> tuple[Any, ...]:
        """Return inputs, labels and, where there are any, weights of some samples."""
        samples = self.samples
        inputs = samples.take(chosen)
        if samples.labels is None:
            return inputs[0], inputs[0].astype(np.float32) / FULL_RANGE
        labels: NDArray[Any] = samples.labels[chosen].astype(np.int64)
        if self.n_classes is not None:
            labels = np.eye(self.n_classes, dtype=np.float32)[labels]
        # A model of one input takes it bare.
        batch = (inputs if len(inputs) > 1 else inputs[0], labels)
        if samples.weight is None:
            return batch
        return (*batch, samples.weight[chosen].astype(np.float32))

    def _smooth(self, inputs: Any, labels: Any, *weight: Any) -> tuple[Any, ...]:
        """Spread a share of each label over all classes."""
        assert self.n_classes is not None
        spread = labels * (1 - self.smoothing) + self.smoothing / self.n_classes
        return (inputs, spread, *weight)

    def _mix(self, mixing: Mixing) -> Callable[..., Any]:
        """Return what mixes the images and labels of a batch, and weighs them."""
        tf, samples = import_tensorflow(), self.samples
        assert samples.labels is not None
        assert samples.weight is not None
        assert self.n_classes is not None
        by_class = np.zeros(self.n_classes, np.float32)
        by_class[samples.labels] = samples.weight

        def mix(images: Any, labels: Any, _: Any) -> tuple[Any, Any, Any]:
            images, mixed = mixing(tf.cast(images, tf.float32), labels)
            # Each of the two images counts as much as its class does.
            weight = tf.linalg.matvec(mixed, by_class)
            return tf.cast(tf.round(images), tf.uint8), mixed, weight

        return mix


def labelled_batches(
    samples: Samples,
    settings: TrainingSettings,
    n_classes: int,
    *,
    seed: int,
    augmentation: Augmentation | None = None,
) -> Batches:
    """Return how a training's settings deal samples with labels.

    Parameters
    ----------
    samples : Samples
        With labels and weights.
    settings : TrainingSettings
    n_classes : int
    seed : int
    augmentation : Augmentation, optional
        Given for samples to train on: their labels are smoothed, and images mixed if
        it says so. Those to validate on stay as they are.
    """
    batches = Batches(samples, settings.batch_size, n_classes, seed)
    if augmentation is None:
        return batches
    return replace(
        batches,
        smoothing=settings.label_smoothing,
        mixing=Mixing(augmentation, seed) if augmentation.mixes else None,
    )
