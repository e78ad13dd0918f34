"""Settings of feature extraction: which embeddings, and where they are cached."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from featx.embeddings.backbones.table import BACKBONES, DEFAULT_BACKBONE, find_backbone
from featx.settings import CliOption, Settings, checked_by


class ExtractSettings(Settings):
    """Which embeddings to compute: one backbone at one image size.

    ``resnet50@160`` as backbone is short for an image size of 160.
    """

    backbone: Annotated[
        str,
        checked_by(lambda name: find_backbone(name).name),
        CliOption(
            metavar="NAME[@SIZE]",
            repeatable=True,
            default=DEFAULT_BACKBONE,
            names=lambda: BACKBONES,
        ),
    ]
    """Frozen network that computes the embeddings; `featx backbones` lists them."""

    image_size: Annotated[
        int | None,
        Field(ge=1),
        CliOption(none_means="the backbone's own", repeatable=True),
    ] = None
    """Side in pixels to which images are resized."""

    flip: bool = False
    """Embed each image flipped left to right as well: more rows to train on, and two
    predictions to average for a test image."""

    pooling: Literal["avg", "max", "none"] = "avg"
    """How the last feature map becomes one row: its average, its maximum, or all of it
    (none)."""

    layer: Annotated[
        str | None, CliOption(metavar="NAME", none_means="the last one")
    ] = None
    """Inner layer whose output to use."""

    weights: Annotated[
        str,
        CliOption(
            metavar="imagenet|random|PATH",
            names=lambda: ("imagenet", "random"),
            is_path=True,
        ),
    ] = "imagenet"
    """Weights of the backbone; PATH is a file of your own."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of the backbone; auto: the fastest that leaves the embeddings the
    same."""

    stretch: bool = False
    """Spread 16-bit grey from each image's darkest to its brightest pixel; without it,
    the high eight bits count."""

    @model_validator(mode="before")
    @classmethod
    def _split_size_off(cls, given: Any) -> Any:
        """Read ``resnet50@160`` as a backbone and an image size."""
        if not isinstance(given, dict):
            return given
        name, at, size = str(given.get("backbone", "")).partition("@")
        if at and given.get("image_size") is not None:
            raise ValueError(
                f"`backbone` {name}@{size}: give the size after @ or by `image_size`,"
                " not both"
            )
        return cls.spelled_out(given)

    @classmethod
    def spelled_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in which a size after @ is an image size."""
        name, at, size = str(values.get("backbone", "")).partition("@")
        if not at or values.get("image_size") is not None:
            return dict(values)
        return {**values, "backbone": name, "image_size": size}


class CacheSettings(Settings):
    """Where embeddings are cached, and how many are computed at a time."""

    folder: Annotated[Path, CliOption(name="cache-dir")] = Path("cache")
    """Folder of the cached embeddings."""

    batch_size: Annotated[
        int | None, Field(ge=1), CliOption(none_means="what fits in memory")
    ] = None
    """Images per run of the backbone."""
