"""Keras layers that augment images, and the mixing of batches.

The layers are part of the training graph and leave labels alone; the mixing changes
batches before the graph, images and labels. Neither goes into a saved model. Pixels are
float32 from 0 to 255 throughout, labels one-hot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_keras
from featx.training.augmentation import OPTIONS, Augmentation
from featx.training.rand_augment import rand_augment

if TYPE_CHECKING:
    import keras

PIXELS = (0, 255)
EDGE = "nearest"
"""Areas that come into the image repeat its edge."""
ERASED = (0.02, 0.15)
"""Smallest and largest share of an image to erase; the paper goes to 0.4."""
GREY = (124, 116, 104)
"""ImageNet's mean colour, which is neutral to a network trained on it."""

_DRAWN = (*OPTIONS, "which")
"""All random draws, each with its own seed."""


def augment_layers(
    augmentation: Augmentation, seed: int, *, prefix: str = "augment"
) -> list["keras.Layer"]:
    """Return the layers that change images and leave labels alone.

    Parameters
    ----------
    augmentation : Augmentation
        `mixup` and `cutmix` are ignored.
    seed : int
        Layers with the same seed change a sequence of batches in the same way. What one
        option draws doesn't depend on the others.
    prefix : str
        Of the layers' names, which must differ within a model.

    Returns
    -------
    list of keras.Layer
        To be called one after the other on float32 (N, H, W, 3), with pixels from 0 to
        255 before and after; without ``training=True`` they change nothing. They have
        no weights and compute in float32 under a mixed policy too. Empty if there is
        nothing to do.
    """
    layers = import_keras().layers
    seeds = _seeds(seed)
    edge, pixels = {"fill_mode": EDGE}, {"value_range": PIXELS}
    turn, shift = augmentation.rotation / 360, augmentation.shift
    # Keras takes a single factor for the upper bound; these are both bounds.
    contrast, erasing = (augmentation.contrast,) * 2, (augmentation.erasing,) * 2
    rows: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
        ("rotation", layers.RandomRotation, {"factor": turn, **edge}),
        (
            "shift",
            layers.RandomTranslation,
            {"height_factor": shift, "width_factor": shift, **edge},
        ),
        ("zoom", layers.RandomZoom, {"height_factor": augmentation.zoom, **edge}),
        ("flip", layers.RandomFlip, {"mode": "horizontal"}),
        (
            "brightness",
            layers.RandomBrightness,
            {"factor": augmentation.brightness, **pixels},
        ),
        ("contrast", layers.RandomContrast, {"factor": contrast, **pixels}),
        ("randaugment", rand_augment, {"magnitude": augmentation.randaugment}),
        (
            "erasing",
            layers.RandomErasing,
            {"factor": erasing, "scale": ERASED, "fill_value": GREY, **pixels},
        ),
    ]
    chosen = [
        make(**options, seed=seeds[name], dtype="float32", name=f"{prefix}_{name}")
        for name, make, options in rows
        if getattr(augmentation, name)
    ]
    # Interpolation rounds: a white pixel may become 255.00002.
    clip = layers.ReLU(max_value=PIXELS[1], dtype="float32", name=f"{prefix}_clip")
    return [*chosen, clip] if chosen else []


@dataclass(frozen=True)
class Mixing:
    """Mixes the images of a batch.

    Attributes
    ----------
    mix : callable
        From float32 images (N, H, W, 3) and one-hot float32 labels (N, C) to both
        mixed; labels in proportion to the images, so that they still sum to one.
    states : tuple of keras.Variable
        Random states.
    """

    mix: Callable[[Any, Any], tuple[Any, Any]]
    states: tuple[Any, ...]

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return images and labels mixed."""
        return self.mix(images, labels)


def mixing(augmentation: Augmentation, seed: int) -> Mixing | None:
    """Return the mixing of images, and their labels, of an augmentation.

    Parameters
    ----------
    augmentation : Augmentation
        Its `mixup` and `cutmix`; with both, one of them is drawn for each batch.
    seed : int
        See `augment_layers`.

    Returns
    -------
    Mixing or None
        None if there is nothing to mix. It can be called directly or by
        ``Dataset.map``, where H and W must be known, and without `num_parallel_calls`,
        since parallel calls would draw in any order. Images of several sizes can't be
        mixed.
    """
    if not augmentation.mixes:
        return None
    keras = import_keras()
    seeds = _seeds(seed)
    # Dataset.map runs on the CPU and can't access states on a GPU.
    with keras.device("cpu"):
        which = keras.random.SeedGenerator(seeds["which"])
        mix_up = keras.layers.MixUp(
            augmentation.mixup, seed=seeds["mixup"], dtype="float32"
        )
        cut_mix = keras.layers.CutMix(
            (augmentation.cutmix,) * 2, seed=seeds["cutmix"], dtype="float32"
        )

    def mix(images: Any, labels: Any) -> tuple[Any, Any]:
        def through(layer: Any) -> tuple[Any, Any]:
            mixed = layer({"images": images, "labels": labels}, training=True)
            return mixed["images"], mixed["labels"]

        if not augmentation.cutmix:
            return through(mix_up)
        if not augmentation.mixup:
            return through(cut_mix)
        drawn = keras.random.uniform((), seed=which)
        both: tuple[Any, Any] = keras.ops.cond(
            drawn < 0.5, lambda: through(mix_up), lambda: through(cut_mix)
        )
        return both

    drawing = (mix_up.generator, cut_mix.generator, which)
    return Mixing(mix, tuple(generator.state for generator in drawing))


def augmented_samples(
    augmentation: Augmentation, images: NDArray[np.uint8], copies: int, seed: int
) -> NDArray[np.uint8]:
    """Return images as a network sees them in training.

    Parameters
    ----------
    augmentation : Augmentation
    images : ndarray of uint8, shape (n, height, width, 3)
        RGB; one batch, so images are mixed among themselves.
    copies : int
        Number of augmented copies of each image.
    seed : int
        See `augment_layers`.

    Returns
    -------
    ndarray of uint8, shape (n, copies, height, width, 3)
    """
    layers, mix = augment_layers(augmentation, seed), mixing(augmentation, seed)
    labels = np.eye(len(images), dtype=np.float32)
    found = np.empty((len(images), copies, *images.shape[1:]), np.uint8)
    for copy in range(copies):
        x: Any = images.astype(np.float32)
        if mix is not None:
            x, _ = mix(x, labels)
        found[:, copy] = augmented(layers, x)
    return found


def augmented(layers: Sequence["keras.Layer"], images: Any) -> NDArray[np.uint8]:
    """Return images (N, H, W, 3) changed by the layers of `augment_layers`."""
    for layer in layers:
        images = layer(images, training=True)
    pixels: NDArray[np.uint8] = np.rint(images).astype(np.uint8)
    return pixels


def _seeds(seed: int) -> dict[str, int]:
    """Return a seed for each option: equal seeds would draw equal numbers."""
    drawn = np.random.SeedSequence(seed).generate_state(len(_DRAWN))
    return dict(zip(_DRAWN, drawn.tolist(), strict=True))
