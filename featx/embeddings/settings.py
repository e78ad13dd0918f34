"""Settings of feature extraction: which embeddings, and where they are cached."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from featx.embeddings.backbones.table import find_backbone
from featx.settings import CliOption, Settings, checked_by


class ExtractSettings(Settings):
    """Which embeddings to compute: one backbone at one image size.

    ``resnet50@160`` as backbone is short for an image size of 160.
    """

    backbone: Annotated[
        str,
        checked_by(lambda name: find_backbone(name).name),
        Field(
            description="Frozen network that computes the embeddings;"
            " `featx backbones` lists them."
        ),
        CliOption(metavar="NAME[@SIZE]", repeatable=True),
    ]
    image_size: Annotated[
        int | None,
        Field(ge=1, description="Side in pixels to which images are resized."),
        CliOption(none_means="the backbone's own", repeatable=True),
    ] = None
    flip: Annotated[
        bool,
        Field(
            description="Embed each image flipped left to right as well: more rows to"
            " train on, and two predictions to average for a test image."
        ),
    ] = False
    pooling: Annotated[
        Literal["avg", "max", "none"],
        Field(
            description="How the last feature map becomes one row: its average, its"
            " maximum, or all of it (none)."
        ),
    ] = "avg"
    layer: Annotated[
        str | None,
        Field(description="Inner layer whose output to use."),
        CliOption(metavar="NAME", none_means="the last one"),
    ] = None
    weights: Annotated[
        str,
        Field(description="Weights of the backbone; PATH is a file of your own."),
        CliOption(metavar="imagenet|random|PATH"),
    ] = "imagenet"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        Field(
            description="Arithmetic of the backbone; auto: the fastest that leaves the"
            " embeddings the same."
        ),
    ] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _split_size_off(cls, given: Any) -> Any:
        """Read ``resnet50@160`` as a backbone and an image size."""
        if not isinstance(given, dict):
            return given
        name, at, size = str(given.get("backbone", "")).partition("@")
        if not at:
            return given
        if given.get("image_size") is not None:
            raise ValueError(
                f"`backbone` {name}@{size}: give the size after @ or by `image_size`,"
                " not both"
            )
        return {**given, "backbone": name, "image_size": size}


class CacheSettings(Settings):
    """Where embeddings are cached, and how many are computed at a time."""

    folder: Annotated[
        Path,
        Field(description="Folder of the cached embeddings."),
        CliOption(name="cache-dir"),
    ] = Path("cache")
    batch_size: Annotated[
        int | None,
        Field(ge=1, description="Images per run of the backbone."),
        CliOption(none_means="what fits in memory"),
    ] = None
