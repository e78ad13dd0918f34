"""Settings of how predictions are printed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from featx.settings import CliOption, Settings


class OutputSettings(Settings):
    """How predictions are printed; as a table by default."""

    top_k: Annotated[int, Field(ge=1)] = 3
    """Number of classes to show per image."""

    csv: bool = False
    """Print all probabilities as CSV."""

    coverage: Annotated[float | None, Field(gt=0, lt=1), CliOption(metavar="SHARE")] = (
        None
    )
    """Also tell the set of classes among which the true one is for this share of the
    images, for example 0.95, and how unlike the training images each image is."""

    submission: Annotated[Path | None, CliOption(metavar="SAMPLE")] = None
    """Fill in the columns of Kaggle's sample_submission.csv, and print it."""

    as_json: Annotated[bool, CliOption(name="json")] = False
    """Print the result as JSON."""

    @classmethod
    def spelled_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in which a format that is chosen excludes the others."""
        off: dict[str, Any] = {"csv": False, "as_json": False, "submission": None}
        is_chosen = any(values.get(name) for name in off)
        if values.get("submission"):
            off["coverage"] = None
        return {**off, **values} if is_chosen else dict(values)

    @model_validator(mode="after")
    def _one_format(self) -> Self:
        if self.csv + self.as_json + (self.submission is not None) > 1:
            raise ValueError("choose one of `csv`, `as_json` and `submission`")
        if self.coverage is not None and self.submission is not None:
            raise ValueError("`coverage` has no place in a `submission`; leave one out")
        return self
