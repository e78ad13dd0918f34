"""What a user may say of a data folder, and how its splits may be named."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import Field

from featx.settings import Settings

TRAIN_NAMES = {"train", "training", "training_set", "train_set"}
TEST_NAMES = {"test", "testing", "test_set", "testing_set"}
VALIDATION_NAMES = {"val", "valid", "validation", "validation_set", "val_set"}
SPLIT_NAMES = {"train": TRAIN_NAMES, "test": TEST_NAMES, "validation": VALIDATION_NAMES}


def find_split(name: str) -> str | None:
    """Return ``train``, ``test`` or ``validation`` for its usual spellings."""
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return next((split for split, names in SPLIT_NAMES.items() if plain in names), None)


def is_tested(split: str | None, splits: Collection[str | None]) -> bool | None:
    """Tell whether a split is for testing, given all of them; None if it is alone.

    Beside a test split, a validation split is trained on: featx cross-validates within
    the training split.
    """
    if len(set(splits)) < 2:
        return None
    return split == "test" or (split == "validation" and "test" not in splits)


class DataSettings(Settings):
    """Which images, which labels, which test part."""

    path: Path = Path("data")
    labels: Path | None = None
    path_column: str | None = None
    label_column: str | None = None
    train_list: Path | None = None
    test_list: Path | None = None
    test_size: Annotated[float, Field(gt=0, lt=1)] | None = None
    seed: int = 0
