"""Settings of stage one: which embeddings, and where they are cached."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from featx.embeddings.backbones.table import find_backbone
from featx.settings import Settings, checked_by


class ExtractSettings(Settings):
    """Which embeddings."""

    backbone: Annotated[str, checked_by(lambda name: find_backbone(name).name)]
    image_size: Annotated[int, Field(gt=0)] | None = None
    pooling: Literal["avg", "max", "none"] = "avg"
    layer: str | None = None
    weights: str = "imagenet"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    flip: bool = False


class CacheSettings(Settings):
    """Where embeddings land and how they are computed."""

    folder: Path = Path("cache")
    batch_size: Annotated[int, Field(gt=0)] | None = None
