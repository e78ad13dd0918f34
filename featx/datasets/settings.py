"""Settings of a public data set: which of its images are written, and where."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from featx.settings import CliOption, Settings


class DatasetSettings(Settings):
    """Which images of a public data set to write, and where."""

    classes: Annotated[int | None, Field(ge=2), CliOption(none_means="all")] = None
    """Number of classes to write, the first in the order of the labels."""

    per_class: Annotated[int | None, Field(ge=1), CliOption(none_means="all")] = None
    """Largest number of images per class and split."""

    out: Annotated[Path | None, CliOption(none_means="data/NAME")] = None
    """Folder to write; it must not exist."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draw of images per class."""

    @model_validator(mode="after")
    def _seed_is_used(self) -> Self:
        if "seed" in self.model_fields_set and self.per_class is None:
            raise ValueError("`seed` needs `per_class`")
        return self
