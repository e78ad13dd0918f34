"""What a user may say of a folder, and how its parts may be called."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import Field

from featx.settings import Settings

TRAIN_NAMES = {"train", "training", "training_set", "train_set"}
TEST_NAMES = {"test", "testing", "test_set", "testing_set"}
VALIDATION_NAMES = {"val", "valid", "validation", "validation_set", "val_set"}
PART_NAMES = {"train": TRAIN_NAMES, "test": TEST_NAMES, "validation": VALIDATION_NAMES}


def find_part(name: str) -> str | None:
    """Return ``train``, ``test`` or ``validation`` for its usual spellings."""
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return next((part for part, names in PART_NAMES.items() if plain in names), None)


def is_tested(part: str | None, parts: Collection[str | None]) -> bool | None:
    """Tell whether a part is tested on, given all parts; None where it is the only one.

    Beside a test part, a validation part is more to train on: featx cross-validates
    inside the training part.
    """
    if len(set(parts)) < 2:
        return None
    return part == "test" or (part == "validation" and "test" not in parts)


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
