"""What folders and columns call the splits."""

import re
from collections.abc import Collection

SPLIT_WORDS = {
    "train": {"train", "training", "trn", "trainset"},
    "test": {"test", "testing", "tst", "testset"},
    "validation": {"val", "valid", "validation", "valset", "dev", "eval", "evaluation"},
    "unlabelled": {"pred", "predict", "prediction", "unlabelled", "unlabeled"},
}

FILLERS = {
    *("set", "data", "dataset", "split", "folder", "files"),
    *("image", "images", "img", "imgs", "photo", "photos", "pictures", "pics"),
}
"""Words that say nothing beside that of a split."""

UNLABELLED_NAMES = {
    *("unknown", "unlabelled", "unlabeled", "no_label", "no_labels", "unclassified"),
    *("images", "image", "imgs", "img", "pictures", "photos", "all"),
}
"""What a folder in a test split is called that is no class."""


def find_part(name: str) -> tuple[str, str] | None:
    """Return the split that a folder's name means, and what else the name says.

    Returns
    -------
    tuple of str or None
        ``("train", "seg")`` for ``seg_train``, ``("test", "")`` for ``Test Images``;
        None unless exactly one word of the name is that of a split.
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = [word.lower() for word in re.findall(r"[^\W\d_]+|\d+", apart)]
    found = [
        (split, word)
        for word in words
        for split, known in SPLIT_WORDS.items()
        if word in known
    ]
    if len(found) != 1:
        return None
    split, own = found[0]
    rest = [word for word in words if word != own and word not in FILLERS]
    return split, " ".join(rest)


def find_split(name: str) -> str | None:
    """Return ``train``, ``test`` or ``validation`` for its usual spellings."""
    split, rest = find_part(name) or (None, "")
    return None if rest or split == "unlabelled" else split


def is_tested(split: str | None, splits: Collection[str | None]) -> bool | None:
    """Return whether a split is for testing, given all of them; None if it is alone.

    Beside a test split, a validation split is trained on: featx cross-validates within
    the training split.
    """
    if len(set(splits)) < 2:
        return None
    return split == "test" or (split == "validation" and "test" not in splits)
