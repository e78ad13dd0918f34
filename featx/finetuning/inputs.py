"""What a joined model is trained on: images, or the outputs of its frozen layers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import Embeddings
from featx.finetuning.joined_model import Backbones, JoinedModel
from featx.finetuning.settings import FinetuneSettings, usual_copies
from featx.finetuning.unfreeze import ALL
from featx.frameworks import import_keras
from featx.heads.settings import HeadSettings
from featx.progress import SILENT, Progress, Update, ignore
from featx.scratch import PIXELS, allocate
from featx.training.augmentation import Augmentation
from featx.training.augmentation_layers import augment_layers, augmented
from featx.training.batches import Samples

if TYPE_CHECKING:
    from featx.heads.base import Head

Rows = NDArray[np.intp]

Images = tuple[NDArray[np.uint8], ...]
"""The same images in each view, each (n, side, side, 3)."""

Change = Callable[[Images], Images]
"""Flips or augments images."""


@dataclass(frozen=True)
class StartingPoint:
    """All that a fine-tuning starts from.

    Attributes
    ----------
    embeddings : Embeddings
    extractors : tuple of KerasExtractor
        Of the embeddings, in float32.
    pixels : tuple of ndarray of uint8, each (n, side, side, 3)
        The images, row for row with the embeddings, in each view.
    head : Head
        Fitted on the whole train split.
    head_settings : HeadSettings
    """

    embeddings: Embeddings
    extractors: tuple[KerasExtractor, ...]
    pixels: tuple[NDArray[np.uint8], ...]
    head: "Head"
    head_settings: HeadSettings


@dataclass(frozen=True)
class Inputs:
    """A model to train or validate, and its samples.

    Attributes
    ----------
    model : keras.Model
        The trained layers only, or the whole model, behind augmentation layers in
        training.
    samples : Samples
        What the model takes.
    """

    model: Any
    samples: Samples


@dataclass(frozen=True)
class FrozenOutputs:
    """The outputs of the frozen layers for images, in several views or copies.

    Attributes
    ----------
    arrays : tuple of ndarray, each (turns * n, ...)
        One for each output: all images in the first view, then in the next.
    rows : ndarray of int, shape (n,)
        Which images.
    turns : int
    seconds : float
        Time to compute them, without tracing the graph.
    """

    arrays: tuple[NDArray[Any], ...]
    rows: Rows
    turns: int
    seconds: float

    def samples(self, images: Samples, *, turns: int | None = None) -> Samples:
        """Return the outputs for some of the images, in the first views or in all."""
        turns = turns or self.turns
        place = {row: number for number, row in enumerate(self.rows.tolist())}
        places = np.array([place[row] for row in images.rows.tolist()], dtype=np.intp)
        starts = len(self.rows) * np.arange(turns)[:, None]
        assert images.labels is not None
        assert images.weight is not None
        return Samples(
            self.arrays,
            (starts + places).ravel(),
            np.tile(images.labels, turns),
            np.tile(images.weight, turns),
        )


@dataclass(frozen=True)
class InputPreparation:
    """Prepares images for training as the settings ask for.

    Attributes
    ----------
    start : StartingPoint
    settings : FinetuneSettings
    scratch_dir : Path
        Where arrays go that don't fit into memory.
    progress : Progress
    """

    start: StartingPoint
    settings: FinetuneSettings
    scratch_dir: Path
    progress: Progress = SILENT

    @property
    def is_cached(self) -> bool:
        """Whether the frozen layers run once instead of in every epoch.

        For that, their inputs must be the same in all epochs.
        """
        settings = self.settings
        fixed = not settings.augmentation.changes or self.copies > 0
        return settings.cached and fixed and settings.unfreeze != ALL

    @property
    def copies(self) -> int:
        """How many augmented copies of each image are made beforehand."""
        settings = self.settings
        if settings.copies is not None:
            return settings.copies
        return usual_copies(
            settings.augment,
            len(self.start.embeddings.train),
            cached=settings.cached,
            unfreeze=settings.unfreeze,
        )

    def run_frozen(self, backbones: Backbones) -> FrozenOutputs | None:
        """Run all training images through the frozen layers; None if epochs do that.

        All their views and copies, the original view first.
        """
        if not self.is_cached:
            return None
        views = [flipped if flip else None for flip in backbones.flips]
        return compute_frozen_outputs(
            backbones,
            Samples(self.start.pixels, self.start.embeddings.train),
            [*views, *self._copies()],
            self.scratch_dir,
            batch_size=self.settings.batch_size,
            update=self.progress.images("through the frozen layers"),
        )

    def for_training(
        self, joined: JoinedModel, rows: Rows, frozen: FrozenOutputs | None
    ) -> Inputs:
        """Return the inputs made of some rows, all their views and copies."""
        images = self.images(rows)
        if frozen is None:
            return Inputs(self._augmenting(joined), images)
        return Inputs(joined.above, frozen.samples(images))

    def for_validation(
        self, joined: JoinedModel, rows: Rows, frozen: FrozenOutputs | None
    ) -> Inputs:
        """Return the inputs made of the original view of some rows."""
        images = self.images(rows)
        if frozen is None:
            return Inputs(joined.view, images)
        return Inputs(joined.above, frozen.samples(images, turns=1))

    def images(self, rows: Rows) -> Samples:
        """Return images with their labels and weights."""
        labels = self.start.embeddings.images.labels[rows]
        weight = compute_sample_weight(self.settings.class_weight, labels)
        return Samples(self.start.pixels, rows, labels, weight)

    def _copies(self) -> list[Change]:
        """Return as many random augmentations as the settings ask for."""
        settings, sizes = self.settings, len(self.start.pixels)
        return [
            _augmentation_of(settings.augmentation, settings.seed + number, sizes)
            for number in range(self.copies)
        ]

    def _augmenting(self, joined: JoinedModel) -> Any:
        """Return the model behind layers that augment its images in training."""
        wanted = self.settings.augmentation
        if True in joined.backbones.flips:
            wanted = replace(wanted, flip=True)
        keras = import_keras()
        view = joined.view

        def augment(tensor: Any) -> Any:
            x = keras.ops.cast(tensor, "float32")
            # The same seed for all views: they show an image with the same changes.
            prefix = tensor.name.replace("images", "augment")
            for layer in augment_layers(wanted, self.settings.seed, prefix=prefix):
                x = layer(x)
            return keras.ops.cast(keras.ops.round(x), "uint8")

        return keras.Model(
            view.input, view(keras.tree.map_structure(augment, view.input))
        )


def _augmentation_of(augmentation: Augmentation, seed: int, sizes: int) -> Change:
    """Return a function that augments uint8 images, each batch differently.

    Layers of one seed draw the same for each of the sizes.
    """
    each = [augment_layers(augmentation, seed) for _ in range(sizes)]

    def change(images: Images) -> Images:
        pairs = zip(each, images, strict=True)
        return tuple(augmented(layers, one.astype(np.float32)) for layers, one in pairs)

    return change


def compute_frozen_outputs(
    backbones: Backbones,
    images: Samples,
    changes: Sequence[Change | None],
    scratch_dir: Path,
    *,
    batch_size: int,
    update: Update = ignore,
) -> FrozenOutputs:
    """Run images through the frozen layers, once for each change.

    Parameters
    ----------
    backbones : Backbones
    images : Samples
        Of uint8 (n, side, side, 3) for each input.
    changes : sequence of callable or None
        How to change the images first; None leaves them as they are.
    scratch_dir : Path
        Where arrays go that don't fit into memory.
    batch_size : int
    update : callable
        Called with the number of finished rows and of all rows.

    Raises
    ------
    RunError
        There is no room for the outputs.
    """
    run, outputs = backbones.run_below, backbones.below.outputs
    n, total = len(images), len(images) * len(changes)
    kinds = [(tensor.shape[1:], tensor.dtype) for tensor in outputs]
    arrays = [
        allocate((total, *shape), dtype, scratch_dir, PIXELS) for shape, dtype in kinds
    ]
    run(*images.take(slice(1)))  # traces the graph, before the time is taken
    start = time.perf_counter()
    for turn, change in enumerate(changes):
        for place in range(0, n, batch_size):
            batch = images.take(slice(place, place + batch_size))
            found = run(*(change(batch) if change else batch))
            rows = slice(turn * n + place, turn * n + place + len(batch[0]))
            for array, tensor in zip(arrays, found, strict=True):
                array[rows] = tensor.numpy()
            update(rows.stop, total)
    seconds = time.perf_counter() - start
    return FrozenOutputs(tuple(arrays), images.rows, len(changes), seconds)


def flipped(images: Images) -> Images:
    """Return images with left and right exchanged."""
    return tuple(one[:, :, ::-1] for one in images)
