"""What a graft is trained on: images or what frozen layers make of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from featx.finetune.frozen_outputs import Change, Images, hand_on, mirrored
from featx.finetune.joined_model import Graft
from featx.finetune.settings import FinetuneSettings
from featx.finetune.unfreeze import ALL
from featx.frameworks import import_keras
from featx.images.arrays import allocate
from featx.progress import SILENT, Progress
from featx.training.augmentation import Augmentation
from featx.training.augmentation_layers import augment_layers, augmented
from featx.training.batches import Samples

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Prepared:
    """What is trained, and on what.

    Attributes
    ----------
    model : keras.Model
        The graft's trained layers only, or the whole of it with what is random before.
    samples : Samples
        What the model takes.
    seconds : float
        What the samples took to go through the frozen layers; 0 where they didn't.
    """

    model: Any
    samples: Samples
    seconds: float = 0.0


@dataclass(frozen=True)
class Preparation:
    """Prepares images for training by the settings.

    Attributes
    ----------
    pixels : tuple of ndarray of uint8, each (n, side, side, 3)
    labels : ndarray of int, shape (n,)
    settings : FinetuneSettings
    scratch_dir : Path
        Where arrays go that don't fit into the memory.
    progress : Progress
    """

    pixels: tuple[NDArray[np.uint8], ...]
    labels: NDArray[np.integer]
    settings: FinetuneSettings
    scratch_dir: Path
    progress: Progress = SILENT

    @property
    def is_cached(self) -> bool:
        """Whether the frozen layers run once and not in each epoch.

        Nothing random may be below them, or all that is random was drawn before.
        """
        settings = self.settings
        still = not settings.augmentation.changes or settings.copies > 0
        return settings.cached and still and settings.unfreeze != ALL

    def to_learn(self, joined: Graft, rows: Rows) -> Prepared:
        """Return what is trained on some rows, with their views and copies."""
        images = self._images(rows)
        if not self.is_cached:
            return Prepared(self._augmenting(joined), images)
        changes = [mirrored if flip else None for flip in joined.flips]
        return self._handed(joined, images, [*changes, *self._copies()])

    def to_watch(self, joined: Graft, rows: Rows) -> Prepared:
        """Return some rows, as they are, for the model that is trained."""
        images = self._images(rows)
        if not self.is_cached:
            return Prepared(joined.view, images)
        return self._handed(joined, images, [None])

    def _images(self, rows: Rows) -> Samples:
        labels = self.labels[rows]
        weight = compute_sample_weight(self.settings.class_weight, labels)
        return Samples(self.pixels, rows, labels, weight)

    def _handed(
        self, joined: Graft, images: Samples, changes: list[Change | None]
    ) -> Prepared:
        handed = hand_on(
            *(joined, images, changes),
            lambda shape, dtype: allocate(shape, dtype, self.scratch_dir),
            batch_size=self.settings.batch_size,
            update=self.progress.images("through the frozen layers"),
        )
        return Prepared(joined.above, handed.samples, handed.seconds)

    def _copies(self) -> list[Change]:
        """Return so many random changes of the training images as were asked for."""
        settings = self.settings
        return [
            _drawn(settings.augmentation, settings.seed + number, len(self.pixels))
            for number in range(settings.copies)
        ]

    def _augmenting(self, joined: Graft) -> Any:
        """Return the model with what is random in training put before it."""
        wanted = self.settings.augmentation
        if True in joined.flips:
            wanted = replace(wanted, flip=True)
        keras = import_keras()
        changed = []
        # Each size with the same seed: one image is changed alike in all.
        for tensor in joined.view.inputs:
            x = keras.ops.cast(tensor, "float32")
            prefix = f"augment_{tensor.shape[1]}"
            for layer in augment_layers(wanted, self.settings.seed, prefix=prefix):
                x = layer(x)
            changed.append(keras.ops.cast(keras.ops.round(x), "uint8"))
        return keras.Model(joined.view.inputs, joined.view(changed))


def _drawn(augmentation: Augmentation, seed: int, sizes: int) -> Change:
    """Return what augments uint8 images once, another way each batch.

    Layers of one seed draw the same for each of the sizes.
    """
    each = [augment_layers(augmentation, seed) for _ in range(sizes)]

    def change(images: Images) -> Images:
        pairs = zip(each, images, strict=True)
        return tuple(augmented(layers, one.astype(np.float32)) for layers, one in pairs)

    return change
