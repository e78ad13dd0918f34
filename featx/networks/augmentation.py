"""What is done to training images only, so that no network sees one image twice.

Two parts: layers of the training graph, which leave labels alone, and a callable for
the batches before it, which mixes images and their labels. Neither goes into a saved
model. Pixels are float32 from 0 to 255 throughout, labels one-hot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import NetworkError, nearest
from featx.frameworks import import_keras
from featx.networks.rand_augment import rand_augment

if TYPE_CHECKING:
    import keras

Mixing = Callable[[Any, Any], tuple[Any, Any]]

PIXELS = (0, 255)
EDGE = "nearest"
"""What comes in at an edge repeats the edge."""
ERASED = (0.02, 0.15)
"""Least and greatest share of an image that is erased; the paper goes to 0.4."""
GREY = (124, 116, 104)
"""ImageNet's mean colour, which says nothing to a network that was trained there."""

_SHARES = ("brightness", "contrast", "erasing", "randaugment", "mixup", "cutmix")
_MOST = {"rotation": 180.0, "shift": 0.5, "zoom": 0.5} | dict.fromkeys(_SHARES, 1.0)
_DRAWN = ("flip", *_MOST, "which")
"""What is drawn at random, each with a seed of its own."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to training images; zero and False leave them as they are.

    Attributes
    ----------
    name : str
        As on the command line.
    flip : bool
        Mirror every other image, left to right.
    rotation : float
        Degrees to either side.
    shift : float
        Up and down by up to this share of the height, aside by that of the width.
    zoom : float
        Out of and into the image by up to this share of its sides.
    brightness : float
        More or less by up to this share of the range of pixels.
    contrast : float
        More or less by up to this share of the image's own.
    erasing : float
        Probability that a rectangle of 2 to 15% of an image is made grey: random
        erasing, Zhong et al., https://arxiv.org/abs/1708.04896.
    randaugment : float
        Magnitude, 1 being the strongest, of two operations drawn for each image:
        RandAugment, Cubuk et al., https://arxiv.org/abs/1909.13719.
    mixup : float
        Of Beta(mixup, mixup) comes the share of an image that is blended with another:
        mixup, Zhang et al., https://arxiv.org/abs/1710.09412.
    cutmix : float
        Of Beta(cutmix, cutmix) comes the area of an image that another leaves of it:
        CutMix, Yun et al., https://arxiv.org/abs/1905.04899.
    summary : str
        One line for people.

    Raises
    ------
    NetworkError
        A number is negative or too large to make sense.
    """

    name: str
    flip: bool = False
    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erasing: float = 0.0
    randaugment: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    summary: str = ""

    def __post_init__(self) -> None:
        for option, most in _MOST.items():
            value = getattr(self, option)
            if not 0 <= value <= most:
                raise NetworkError(
                    f"augmentation '{self.name}': {option} goes from 0 to {most:g}, not"
                    f" to {value:g}"
                )


_LIGHT = Augmentation(
    "light",
    flip=True,
    shift=0.05,
    zoom=0.1,
    summary="mirrored, shifted by 5%, zoomed by 10%",
)
_MEDIUM = replace(
    _LIGHT,
    name="medium",
    rotation=10,
    shift=0.1,
    brightness=0.1,
    contrast=0.2,
    summary="light, shifted by 10%, turned by 10 degrees, brightness, contrast",
)
_STRONG = replace(
    _MEDIUM,
    name="strong",
    erasing=0.25,
    randaugment=0.5,
    mixup=0.2,
    cutmix=1.0,
    summary="medium, RandAugment, random erasing, mixup or CutMix",
)
_NONE = Augmentation("none", summary="images as they are")

AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {row.name: row for row in (_NONE, _LIGHT, _MEDIUM, _STRONG)}
)


def find_augmentation(name: str) -> Augmentation:
    """Return one of the augmentations that come with featx.

    Raises
    ------
    NetworkError
        There is none of this name.
    """
    try:
        return AUGMENTATIONS[name.lower()]
    except KeyError:
        there = f"; there are {', '.join(AUGMENTATIONS)}"
        raise NetworkError(
            f"no augmentation '{name}'{nearest(name, AUGMENTATIONS) or there}"
        ) from None


def augment_layers(augmentation: Augmentation, seed: int) -> list["keras.Layer"]:
    """Make the layers that change images and leave labels alone.

    Parameters
    ----------
    augmentation : Augmentation
        All of it but `mixup` and `cutmix`.
    seed : int
        Layers of the same seed do the same to the same batches in the same order; each
        batch moves them on. What one option draws doesn't depend on the others.

    Returns
    -------
    list of keras.Layer
        To be called one after the other on float32 (N, H, W, 3), pixels from 0 to 255
        before as after; without ``training=True`` they change nothing. They hold no
        weights, compute in float32 under a mixed policy too, and are for the training
        graph only. Empty where there is nothing to do.
    """
    layers = import_keras().layers
    seeds = _seeds(seed)
    edge, pixels = {"fill_mode": EDGE}, {"value_range": PIXELS}
    turn, shift = augmentation.rotation / 360, augmentation.shift
    # Keras takes a single factor for an upper end, so both ends are said.
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
        make(**options, seed=seeds[name], dtype="float32", name=f"augment_{name}")
        for name, make, options in rows
        if getattr(augmentation, name)
    ]
    # Interpolation rounds: a white pixel may come out as 255.00002.
    clip = layers.ReLU(max_value=PIXELS[1], dtype="float32", name="augment_clip")
    return [*chosen, clip] if chosen else []


def mixing(augmentation: Augmentation, seed: int) -> Mixing | None:
    """Make what blends or cuts two images of a batch, and their labels, into one.

    Parameters
    ----------
    augmentation : Augmentation
        Its `mixup` and `cutmix`; with both, a batch is drawn to go through either.
    seed : int
        As for `augment_layers`.

    Returns
    -------
    callable or None
        From float32 images (N, H, W, 3) and one-hot float32 labels (N, C) to both
        mixed: the labels by the share that each image has in the result, so that they
        still sum to one. None where there is nothing to mix.

        It works by itself and in ``Dataset.map``, where H and W must be known. Its
        state moves on with each batch, so without `num_parallel_calls`: parallel calls
        would draw in any order. Images are one array: several views of a batch, of
        different sizes, aren't mixed.
    """
    if not (augmentation.mixup or augmentation.cutmix):
        return None
    keras = import_keras()
    seeds = _seeds(seed)
    # Dataset.map runs on the CPU, and can't reach a state that lies on a GPU.
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

    return mix


def augmented_samples(
    augmentation: Augmentation, images: NDArray[np.uint8], copies: int, seed: int
) -> NDArray[np.uint8]:
    """Return images as a network would see them in training, labels left alone.

    Parameters
    ----------
    augmentation : Augmentation
    images : ndarray of uint8, shape (n, height, width, 3)
        A few, RGB.
    copies : int
        How often each is augmented.
    seed : int
        As for `augment_layers`.

    Returns
    -------
    ndarray of uint8, shape (n, copies, height, width, 3)
        Neither mixup nor CutMix is in them.
    """
    layers = augment_layers(augmentation, seed)
    found = np.empty((len(images), copies, *images.shape[1:]), np.uint8)
    for copy in range(copies):
        x: Any = images.astype(np.float32)
        for layer in layers:
            x = layer(x, training=True)
        found[:, copy] = np.rint(x)
    return found


def _seeds(seed: int) -> dict[str, int]:
    """Return a seed for each option: layers of one seed would draw the same numbers."""
    drawn = np.random.SeedSequence(seed).generate_state(len(_DRAWN))
    return dict(zip(_DRAWN, drawn.tolist(), strict=True))
