"""The settings of the data, and the usual names of splits."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import Field

from featx.settings import CliOption, Settings

TRAIN_NAMES = {"train", "training", "training_set", "train_set"}
TEST_NAMES = {"test", "testing", "test_set", "testing_set"}
VALIDATION_NAMES = {"val", "valid", "validation", "validation_set", "val_set"}
SPLIT_NAMES = {"train": TRAIN_NAMES, "test": TEST_NAMES, "validation": VALIDATION_NAMES}


def find_split(name: str) -> str | None:
    """Return ``train``, ``test`` or ``validation`` for its usual spellings."""
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return next((split for split, names in SPLIT_NAMES.items() if plain in names), None)


def is_tested(split: str | None, splits: Collection[str | None]) -> bool | None:
    """Return whether a split is for testing, given all of them; None if it is alone.

    Beside a test split, a validation split is trained on: featx cross-validates within
    the training split.
    """
    if len(set(splits)) < 2:
        return None
    return split == "test" or (split == "validation" and "test" not in splits)


DEFAULT_TEST_SIZE = 0.25
"""Share of the images for the test split, where neither data nor user gives one."""


class DataSettings(Settings):
    """Which images to use, how they are labelled, and which of them test."""

    path: Annotated[Path, CliOption(name="data")] = Path("data")
    """Folder of the images."""

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

    seed: int = 0
    """Seed of the split into training and test images."""
