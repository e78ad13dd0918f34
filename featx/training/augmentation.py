"""Augmentation of training images: presets, options, and the words that name them.

Free of frameworks; `featx.training.augmentation_layers` makes Keras layers of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from featx.errors import NetworkError, nearest


class Option(NamedTuple):
    """One way to change an image.

    Attributes
    ----------
    most : float
        The largest value.
    usual : float
        The value if none is given.
    summary : str
        A few words with a place for the value.
    """

    most: float
    usual: float
    summary: str


def _option(most: float, usual: float, summary: str) -> Any:
    """Return a field of `Augmentation` that is off by default."""
    return field(
        default=type(usual)(), metadata={"option": Option(most, usual, summary)}
    )


_WORD = re.compile(r"(?P<option>[a-z]+)(?P<value>\d*\.?\d*)")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How to change training images; zero and False leave them as they are.

    Attributes
    ----------
    name : str
        As on the command line.
    flip : bool
        Flip an image left to right with a probability of a half.
    rotation : float
        Largest angle in degrees, to either side.
    shift : float
        Largest shift, as a share of the height and of the width.
    zoom : float
        Largest zoom in or out, as a share of the sides.
    brightness : float
        Largest change, as a share of the range of pixel values.
    contrast : float
        Largest change, as a share of the image's contrast.
    erasing : float
        Probability that a rectangle of 2 to 15% of an image becomes grey: random
        erasing, Zhong et al., https://arxiv.org/abs/1708.04896.
    randaugment : float
        Magnitude, up to 1, of two operations drawn for each image:
        RandAugment, Cubuk et al., https://arxiv.org/abs/1909.13719.
    mixup : float
        Images are blended in pairs, with shares drawn from Beta(mixup, mixup): mixup,
        Zhang et al., https://arxiv.org/abs/1710.09412.
    vflip : bool
        Flip an image upside down with a probability of a half.
    shear : float
        Largest shear, as a share of the sides.
    cutmix : float
        A rectangle of another image is pasted in, and the share that is left of the
        first is drawn from Beta(cutmix, cutmix): CutMix, Yun et al., https://arxiv.org/abs/1905.04899.

    Raises
    ------
    NetworkError
        A value is negative or too large.
    """

    name: str
    flip: bool = _option(1, True, "flipped")
    rotation: float = _option(180, 10, "rotated by {:g} degrees")
    shift: float = _option(0.5, 0.1, "shifted by {:.3g}%")
    zoom: float = _option(0.5, 0.1, "zoomed by {:.3g}%")
    brightness: float = _option(1, 0.1, "brightness by {:.3g}%")
    contrast: float = _option(1, 0.2, "contrast by {:.3g}%")
    erasing: float = _option(1, 0.25, "{:.3g}% partly erased")
    randaugment: float = _option(1, 0.5, "RandAugment of {:g}")
    mixup: float = _option(1, 0.2, "mixup of {:g}")
    cutmix: float = _option(1, 1, "CutMix of {:g}")
    vflip: bool = _option(1, True, "flipped upside down")
    shear: float = _option(1, 0.1, "sheared by {:.3g}%")

    def __post_init__(self) -> None:
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if not 0 <= value <= option.most:
                raise NetworkError(
                    f"augmentation '{self.name}': {name} must be between 0 and"
                    f" {option.most:g}, not {value:g}"
                )

    @property
    def summary(self) -> str:
        """All changes in one line."""
        done = [
            option.summary.format(value * (100 if "%" in option.summary else 1))
            for name, option in OPTIONS.items()
            if (value := float(getattr(self, name)))
        ]
        return ", ".join(done) or "unchanged"

    @property
    def changes(self) -> bool:
        """Whether it changes images at all."""
        return any(getattr(self, name) for name in OPTIONS)

    @property
    def mixes(self) -> bool:
        """Whether it combines two images into one."""
        return bool(self.mixup or self.cutmix)


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        one.name: one.metadata["option"]
        for one in fields(Augmentation)
        if "option" in one.metadata
    }
)
"""All options, by name."""

_LIGHT = Augmentation("light", flip=True, shift=0.05, zoom=0.1)
_MEDIUM = replace(
    _LIGHT, name="medium", rotation=10, shift=0.1, brightness=0.1, contrast=0.2
)
_STRONG = replace(
    _MEDIUM, name="strong", erasing=0.25, randaugment=0.5, mixup=0.2, cutmix=1.0
)

_COURSEWORK = Augmentation("coursework", flip=True, rotation=10, shift=0.2)
"""How university courseworks augmented images for networks from scratch."""

AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {
        row.name: row
        for row in (Augmentation("none"), _LIGHT, _MEDIUM, _STRONG, _COURSEWORK)
    }
)
"""The presets, by name."""

GRAMMAR = (
    f"comma-separated: a preset, then any of {', '.join(OPTIONS)}; presets are"
    f" {', '.join(AUGMENTATIONS)}"
)


def find_augmentation(text: str) -> Augmentation:
    """Return a preset, or one changed by options: ``light,rotation20,mixup``.

    Parameters
    ----------
    text : str
        A preset or options, comma-separated. An option may be followed by its value,
        as in ``rotation20``; without one it has its usual value, and 0 turns it off.

    Raises
    ------
    NetworkError
        A word is unknown, or a value is out of range.
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
            f"augmentation '{text}': unknown word '{word}'{hint or f'; {GRAMMAR}'}"
        )
    try:
        value = float(match["value"]) if match["value"] else option.usual
    except ValueError:  # a lone point
        raise NetworkError(
            f"augmentation '{text}': '{word}' has no valid number; {GRAMMAR}"
        ) from None
    is_switch = isinstance(option.usual, bool)
    return match["option"], bool(value) if is_switch else value
