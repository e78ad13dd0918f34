"""The spec: all that decides the value of an embedding, beside the image."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from featx.images.decoding import PIXELS_VERSION
from featx.images.resizing import RESIZED, SQUASH, Resize
from featx.images.sources import View

ADDED_LATER = {"stretch": False, "resize": SQUASH}
"""Inputs that specs had not at first. Where they are as they were then, `spec.json`
leaves them out, and ids stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """All inputs, beside the image, that decide the value of an embedding.

    Attributes
    ----------
    backbone : str
        Name in the table of backbones.
    image_size : int
        Images become squares of this many pixels a side.
    pooling : {"avg", "max", "none"}
        How the last feature map becomes a row.
    layer : str or None
        The inner layer whose output is taken; None for the last one's.
    flip : bool
        Whether the image is flipped, left to right.
    weights : str
        ``imagenet``, ``file`` or ``random``.
    weights_id : str
        SHA-256 of the weights' file; for random ones their seed and Keras' version.
    precision : {"float32", "bfloat16", "float16"}
        Arithmetic of the model.
    pixels : int
        Version of the decoding from a file to pixels.
    stretch : bool
        Whether 16-bit grey goes from its darkest to its brightest pixel.
    resize : {"squash", "crop", "pad"}
        How images become squares.
    """

    backbone: str
    image_size: int
    pooling: str = "avg"
    layer: str | None = None
    flip: bool = False
    weights: str = "imagenet"
    weights_id: str
    precision: str = "float32"
    pixels: int = field(default=PIXELS_VERSION)
    stretch: bool = False
    resize: Resize = SQUASH

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the spec that `spec.json` holds; other keys are ignored.

        Raises
        ------
        KeyError
            An input is missing.
        """
        content = {**ADDED_LATER, **content}
        return cls(**{item.name: content[item.name] for item in fields(cls)})

    def as_dict(self) -> dict[str, Any]:
        """Return the spec as `spec.json` holds it."""
        plain = ADDED_LATER.items()
        return {name: v for name, v in asdict(self).items() if (name, v) not in plain}

    @property
    def id(self) -> str:
        """Ten hexadecimal digits of the SHA-256 of the spec."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @property
    def view(self) -> View:
        """How images are shown to the backbone."""
        return View(self.image_size, self.flip, self.stretch, self.resize)

    @property
    def folder_name(self) -> str:
        """Name of the spec's folder in the cache."""
        start = f"{self.backbone}-{self.image_size}{self.view.suffix}-{self.pooling}"
        return f"{start}{'-flip' if self.flip else ''}-{self.id}"

    def __str__(self) -> str:
        """Describe the embeddings in words."""
        words = [f"{self.backbone} at {self.image_size} pixels"]
        words += [RESIZED[self.resize]] if RESIZED[self.resize] else []
        words += [f"layer {self.layer}"] if self.layer else []
        words += [f"{self.pooling} pooling"] if self.pooling != "avg" else []
        words += ["flipped"] if self.flip else []
        words += ["stretched"] if self.stretch else []
        return ", ".join(words)
