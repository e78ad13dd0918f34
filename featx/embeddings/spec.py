"""The spec: all that decides an embedding's value, and nothing else."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from featx.images import PIXELS_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """All inputs, beside the image, that decide the value of an embedding.

    Attributes
    ----------
    backbone : str
        Name in the table of backbones.
    image_size : int
        Images are squashed to a square of this many pixels a side.
    pooling : {"avg", "max"}
        How the last feature map becomes a row.
    weights : str
        ``imagenet``, ``file`` or ``random``.
    weights_id : str
        SHA-256 of the weights' file; for random ones their seed and Keras' version.
    precision : str
        Arithmetic of the model.
    pixels : int
        Version of featx's way from a file to pixels.
    """

    backbone: str
    image_size: int
    pooling: str = "avg"
    weights: str = "imagenet"
    weights_id: str
    precision: str = "float32"
    pixels: int = field(default=PIXELS_VERSION)

    def as_dict(self) -> dict[str, Any]:
        """Return the spec as `spec.json` holds it."""
        return asdict(self)

    @property
    def id(self) -> str:
        """Ten hexadecimal digits of the SHA-256 of the spec."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @property
    def folder_name(self) -> str:
        """Name of the spec's folder in the cache."""
        return f"{self.backbone}-{self.image_size}-{self.pooling}-{self.id}"
