"""The settings of the data."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from featx.addresses import Address
from featx.images.packed.find import data_path
from featx.settings import CliOption, Settings, checked_by

DEFAULT_TEST_SIZE = 0.25
"""Share of the images for the test split, where neither data nor user gives one."""


_FOUND = checked_by(data_path, before=True)


class DataSettings(Settings):
    """Which images to use, how they are labelled, and which of them test."""

    path: Annotated[Address, _FOUND, CliOption(name="data")] = Path("data")
    """Folder of the images, or a zip or tar archive, Parquet shards or an address."""

    labels: Annotated[Path | None, CliOption(none_means="the folders' names")] = None
    """CSV file that names a file and its class in each row."""

    path_column: Annotated[
        str | None, CliOption(metavar="NAME", none_means="found by its name")
    ] = None
    """Column of the CSV file that names the image files."""

    label_column: Annotated[
        str | None, CliOption(metavar="NAME", none_means="found by its name")
    ] = None
    """Column of the CSV file that names the classes."""

    train_list: Path | None = None
    """Text file with a line CLASS/FILE for each training image."""

    test_list: Path | None = None
    """Text file with a line CLASS/FILE for each test image."""

    test_size: Annotated[
        float | None, Field(gt=0, lt=1), CliOption(none_means=f"{DEFAULT_TEST_SIZE:g}")
    ] = None
    """Share of the images to test on, where the data has no test split of its own."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the split into training and test images."""
