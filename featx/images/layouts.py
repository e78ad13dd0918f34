"""What a user may say of a folder, and how its parts may be called."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, kw_only=True)
class DataLayout:
    """What the user says about the folder; what is None is found out.

    Attributes
    ----------
    labels : Path, optional
        A CSV with a column that names files and one that names classes.
    path_column, label_column : str, optional
        These columns' names, where they aren't found by themselves.
    train_list, test_list : Path, optional
        Text files with a ``class/file`` line for each image.
    """

    labels: Path | None = None
    path_column: str | None = None
    label_column: str | None = None
    train_list: Path | None = None
    test_list: Path | None = None
