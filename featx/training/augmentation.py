"""What is done to training images only, so that no network sees one image twice.

Rows without a framework; `featx.training.augmentation_layers` makes layers of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from featx.errors import NetworkError, nearest


class Option(NamedTuple):
    """One thing that may be done to an image.

    Attributes
    ----------
    most : float
        More makes no sense.
    usual : float
        Where it is asked for without a number.
    summary : str
        A few words for people, with the number in them.
    """

    most: float
    usual: float
    summary: str


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "flip": Option(1, 1, "mirrored"),
        "rotation": Option(180, 10, "turned by {:g} degrees"),
        "shift": Option(0.5, 0.1, "shifted by {:.3g}%"),
        "zoom": Option(0.5, 0.1, "zoomed by {:.3g}%"),
        "brightness": Option(1, 0.1, "brightness by {:.3g}%"),
        "contrast": Option(1, 0.2, "contrast by {:.3g}%"),
        "erasing": Option(1, 0.25, "{:.3g}% partly erased"),
        "randaugment": Option(1, 0.5, "RandAugment of {:g}"),
        "mixup": Option(1, 0.2, "mixup of {:g}"),
        "cutmix": Option(1, 1, "CutMix of {:g}"),
    }
)

_WORD = re.compile(r"(?P<option>[a-z]+)(?P<value>\d*\.?\d*)")


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

    def __post_init__(self) -> None:
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if not 0 <= value <= option.most:
                raise NetworkError(
                    f"augmentation '{self.name}': {name} goes from 0 to"
                    f" {option.most:g}, not to {value:g}"
                )

    @property
    def summary(self) -> str:
        """One line for people."""
        done = [
            option.summary.format(value * (100 if "%" in option.summary else 1))
            for name, option in OPTIONS.items()
            if (value := float(getattr(self, name)))
        ]
        return ", ".join(done) or "as they are"

    @property
    def changes(self) -> bool:
        """Whether it does anything at all."""
        return any(getattr(self, name) for name in OPTIONS)

    @property
    def mixes(self) -> bool:
        """Whether it makes one image of two."""
        return bool(self.mixup or self.cutmix)


_LIGHT = Augmentation("light", flip=True, shift=0.05, zoom=0.1)
_MEDIUM = replace(
    _LIGHT, name="medium", rotation=10, shift=0.1, brightness=0.1, contrast=0.2
)
_STRONG = replace(
    _MEDIUM, name="strong", erasing=0.25, randaugment=0.5, mixup=0.2, cutmix=1.0
)

AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {row.name: row for row in (Augmentation("none"), _LIGHT, _MEDIUM, _STRONG)}
)
"""The presets, by name."""

GRAMMAR = (
    f"parted by commas: a preset, then any of {', '.join(OPTIONS)}; presets are"
    f" {', '.join(AUGMENTATIONS)}"
)


def find_augmentation(text: str) -> Augmentation:
    """Return a preset, or what words make of one: ``light,rotation20,mixup``.

    Parameters
    ----------
    text : str
        A preset or options, parted by commas. An option may have its number behind
        it, and has its usual one without; 0 turns it off.

    Raises
    ------
    NetworkError
        A word is none of the grammar's, or its number is out of range.
    """
    words = [word.strip().lower() for word in text.split(",")]
    name = ",".join(words)
    preset = AUGMENTATIONS.get(words[0])
    if preset is not None and len(words) == 1:
        return preset
    options = dict(_parse(word, name) for word in words[preset is not None :])
    return replace(preset or AUGMENTATIONS["none"], name=name, **options)


def _parse(word: str, text: str) -> tuple[str, Any]:
    match = _WORD.fullmatch(word)
    option = OPTIONS.get(match["option"]) if match else None
    if match is None or option is None:
        known = [*AUGMENTATIONS, *OPTIONS]
        stem = match["option"] if match else word
        hint = nearest(stem, known) if stem not in known else ""
        raise NetworkError(
            f"augmentation '{text}': no '{word}' here{hint or f'; {GRAMMAR}'}"
        )
    try:
        value = float(match["value"]) if match["value"] else option.usual
    except ValueError:  # a lone point
        raise NetworkError(
            f"augmentation '{text}': '{word}' ends in no number; {GRAMMAR}"
        ) from None
    return match["option"], bool(value) if match["option"] == "flip" else value
