"""Settings of how a run is exported."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from featx.settings import CliOption, Settings


class ExportSettings(Settings):
    """How a run is exported as a model."""

    with_resize: bool = False
    """Resize in the model: it takes photos of any size."""

    quantize: Annotated[
        Literal["float16", "int8"] | None, CliOption(none_means="float32")
    ] = None
    """Make a tflite file smaller: by weights of 16 bits, or by computing the backbones
    in 8 bits, calibrated on training images."""

    batch_size: Annotated[
        int | None, Field(ge=1), CliOption(metavar="N", none_means="open")
    ] = None
    """Number of images that the model takes at once."""

    @model_validator(mode="after")
    def _resizing_in_whole_pixels(self) -> Self:
        if self.with_resize and self.quantize == "int8":
            raise ValueError(
                "`quantize` int8 would compute the resizing in 8 bits as well; leave"
                " out `with_resize`, or choose float16"
            )
        return self

    @property
    def suffix(self) -> str:
        """What the names of files and entries end in."""
        return "-any-size" * self.with_resize + f"-{self.quantize}" * bool(
            self.quantize
        )
