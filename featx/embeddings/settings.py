"""Settings of feature extraction: which embeddings, and where they are cached."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from featx.addresses import Address, as_folder
from featx.embeddings.backbones.table import BACKBONES, DEFAULT_BACKBONE, find_backbone
from featx.embeddings.engines.table import EngineName
from featx.images.resizing import MAX_SIZE, RESIZED, SQUASH, Resize
from featx.settings import CliOption, Settings, checked_by


class ExtractSettings(Settings):
    """Which embeddings to compute: of one backbone, at one size, resized in one way.

    ``resnet50@160:crop`` as backbone is short for an image size of 160 and for cropping
    to it; each may be left out.
    """

    backbone: Annotated[
        str,
        checked_by(lambda name: find_backbone(name).name),
        CliOption(
            metavar="NAME[@SIZE][:RESIZE]",
            repeatable=True,
            default=DEFAULT_BACKBONE,
            names=lambda: BACKBONES,
        ),
    ]
    """Frozen network that computes the embeddings; `featx backbones` lists them."""

    image_size: Annotated[
        int | None,
        Field(ge=1, le=MAX_SIZE),
        CliOption(none_means="the backbone's own", repeatable=True),
    ] = None
    """Side in pixels to which images are resized."""

    resize: Annotated[Resize, CliOption(repeatable=True)] = SQUASH
    """How images become squares: squash ignores the aspect ratio, crop takes the centre
    as ImageNet's evaluation does, pad keeps the whole image and fills up the rest."""

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
    """Weights of the backbone: imagenet, random, or the path of a file of your own."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of the backbone; auto: the fastest that leaves the embeddings the
    same."""

    stretch: bool = False
    """Spread 16-bit grey from each image's darkest to its brightest pixel; without it,
    the high eight bits count."""

    @property
    def short(self) -> str:
        """The backbone, and size and resizing where they aren't the default."""
        size = f"@{self.image_size}" if self.image_size else ""
        resize = f":{self.resize}" if self.resize != SQUASH else ""
        return f"{self.backbone}{size}{resize}"

    @model_validator(mode="before")
    @classmethod
    def _split_off(cls, given: Any) -> Any:
        """Read ``resnet50@160:crop`` as backbone, image size and resizing."""
        if not isinstance(given, dict):
            return given
        short = given.get("backbone")
        _, found = _split(short)
        if not _is_known(found):
            raise ValueError(
                f"`backbone` {short}: write NAME@SIZE:RESIZE, such as"
                f" resnet50@160:crop; RESIZE is one of {', '.join(RESIZED)}"
            )
        for key, (mark, _) in found.items():
            if given.get(key) is not None:
                raise ValueError(
                    f"`backbone` {short}: give the {key.removeprefix('image_')} after"
                    f" {mark} or by `{key}`, not both"
                )
        return cls.spelled_out(given)

    @classmethod
    def spelled_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in which what stands after @ and : is under its own key."""
        name, found = _split(values.get("backbone"))
        is_twice = any(values.get(key) is not None for key in found)
        if not found or is_twice or not _is_known(found):
            return dict(values)  # what is wrong is refused when it is checked
        split = {key: value for key, (_, value) in found.items()}
        return {**values, "backbone": name, **split}


def _is_known(found: Mapping[str, tuple[str, str]]) -> bool:
    """Return whether what stands after @ is a size, and after : a way to resize."""
    _, size = found.get("image_size", ("", "1"))
    _, resize = found.get("resize", ("", SQUASH))
    return size.isascii() and size.isdecimal() and resize in RESIZED


def _split(short: object) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return the name in ``resnet50@160:crop``, and mark and value by key."""
    found = {}
    name = short if isinstance(short, str) else ""
    for mark, key in ((":", "resize"), ("@", "image_size")):
        name, marked, value = name.partition(mark)
        if marked:
            found[key] = mark, value
    return name, found


class CacheSettings(Settings):
    """Where embeddings are cached, and how they are computed."""

    folder: Annotated[
        Address, checked_by(as_folder, before=True), CliOption(name="cache-dir")
    ] = Path("cache")
    """Folder of the cached embeddings, or an address like s3://bucket/cache."""

    batch_size: Annotated[
        int | None, Field(ge=1), CliOption(none_means="what fits in memory")
    ] = None
    """Images per run of the backbone."""

    decoders: Annotated[
        int | None, Field(ge=1), CliOption(none_means="one per core")
    ] = None
    """How many images are decoded side by side."""

    decode_in: Literal["auto", "threads", "processes"] = "auto"
    """What decodes images; auto: threads, and processes where the backbone would have
    to wait for threads."""

    engine: EngineName = "auto"
    """What runs the backbone; auto: the fastest on this machine whose embeddings agree
    with those of Keras' own backend."""
