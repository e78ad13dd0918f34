"""Keras layers that augment images, and the mixing of batches.

The layers are part of the training graph and leave labels alone; the mixing changes
batches before the graph, images and labels. Neither goes into a saved model. Pixels are
float32 from 0 to 255 throughout, labels one-hot.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import dtype_policy, import_keras
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
    shear = augmentation.shear
    zoom, brightness = augmentation.zoom, augmentation.brightness
    # Keras takes a single factor for the upper bound; these are both bounds.
    contrast, erasing = (augmentation.contrast,) * 2, (augmentation.erasing,) * 2
    makers: dict[str, Callable[..., Any]] = {
        "rotation": partial(layers.RandomRotation, turn, **edge),
        "shift": partial(layers.RandomTranslation, shift, shift, **edge),
        "shear": partial(layers.RandomShear, shear, shear, **edge),
        "zoom": partial(layers.RandomZoom, zoom, **edge),
        "flip": partial(layers.RandomFlip, "horizontal"),
        "vflip": partial(layers.RandomFlip, "vertical"),
        "brightness": partial(layers.RandomBrightness, brightness, **pixels),
        "contrast": partial(layers.RandomContrast, contrast, **pixels),
        "randaugment": partial(rand_augment, augmentation.randaugment),
        "erasing": partial(
            layers.RandomErasing, erasing, ERASED, fill_value=GREY, **pixels
        ),
    }
    with dtype_policy("float32"):
        chosen = [
            make(seed=seeds[name], name=f"{prefix}_{name}")
            for name, make in makers.items()
            if getattr(augmentation, name)
        ]
        # Interpolation rounds: a white pixel may become 255.00002.
        clip = layers.ReLU(max_value=PIXELS[1], name=f"{prefix}_clip")
    return [*chosen, clip] if chosen else []


class Mixing:
    """Mixes the images of a batch, and their labels.

    It can be called directly or by ``Dataset.map``, where H and W must be known, and
    without `num_parallel_calls`, since parallel calls would draw in any order. Images
    of several sizes can't be mixed.

    Parameters
    ----------
    augmentation : Augmentation
        Its `mixup` and `cutmix`; with both, one of them is drawn for each batch.
    seed : int
        See `augment_layers`.

    Attributes
    ----------
    states : tuple of keras.Variable
        Random states.
    """

    def __init__(self, augmentation: Augmentation, seed: int) -> None:
        self._augmentation = augmentation
        keras = import_keras()
        layers, seeds = keras.layers, _seeds(seed)
        mixup, cutmix = augmentation.mixup, (augmentation.cutmix,) * 2
        # Dataset.map runs on the CPU and can't access states on a GPU.
        with keras.device("cpu"), dtype_policy("float32"):
            self._which = keras.random.SeedGenerator(seeds["which"])
            self._mix_up = layers.MixUp(mixup, seed=seeds["mixup"])
            self._cut_mix = layers.CutMix(cutmix, seed=seeds["cutmix"])
        drawing = (self._mix_up.generator, self._cut_mix.generator, self._which)
        self.states = tuple(generator.state for generator in drawing)

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return images and labels mixed.

        Parameters
        ----------
        images : float32 (N, H, W, 3)
        labels : float32 (N, C)
            One-hot; mixed in proportion to the images, so that they still sum to one.
        """
        keras = import_keras()

        def through(layer: Any) -> tuple[Any, Any]:
            mixed = layer({"images": images, "labels": labels}, training=True)
            return mixed["images"], mixed["labels"]

        if not self._augmentation.cutmix:
            return through(self._mix_up)
        if not self._augmentation.mixup:
            return through(self._cut_mix)
        drawn = keras.random.uniform((), seed=self._which)
        both: tuple[Any, Any] = keras.ops.cond(
            drawn < 0.5, lambda: through(self._mix_up), lambda: through(self._cut_mix)
        )
        return both


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
    layers = augment_layers(augmentation, seed)
    mix = Mixing(augmentation, seed) if augmentation.mixes else None
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
