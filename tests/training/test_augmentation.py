"""Augmentations as rows and as words."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.errors import NetworkError
from featx.training.augmentation import (
    AUGMENTATIONS,
    OPTIONS,
    Augmentation,
    find_augmentation,
)

STRONG = AUGMENTATIONS["strong"]


def test_the_table():
    assert list(AUGMENTATIONS) == ["none", "light", "medium", "strong", "coursework"]
    assert find_augmentation("Medium") is AUGMENTATIONS["medium"]
    assert {f.name for f in fields(Augmentation)} == {"name", *OPTIONS}
    assert [name for name in OPTIONS if not getattr(STRONG, name)] == ["vflip", "shear"]
    assert [name for name, row in AUGMENTATIONS.items() if not row.changes] == ["none"]
    assert [name for name, row in AUGMENTATIONS.items() if row.mixes] == ["strong"]


def test_words():
    found = find_augmentation(" Light, rotation20,mixup ,zoom0")
    assert found.name == "light,rotation20,mixup,zoom0"
    assert (found.flip, found.shift) == (True, 0.05)
    assert (found.rotation, found.zoom) == (20, 0)
    assert found.mixup == OPTIONS["mixup"].usual
    assert (
        found.summary == "flipped, rotated by 20 degrees, shifted by 5%, mixup of 0.2"
    )
    assert find_augmentation("flip").flip is True
    assert find_augmentation("strong,mixup0,cutmix0").mixes is False
    assert find_augmentation("none,flip0").changes is False


@given(
    numbers=st.dictionaries(
        st.sampled_from(sorted(OPTIONS)), st.integers(0, 50).map(lambda n: n / 100)
    )
)
def test_words_say_what_they_make(numbers):
    words = ",".join(["none", *(f"{name}{value}" for name, value in numbers.items())])
    found = find_augmentation(words)
    for name in OPTIONS:
        assert getattr(found, name) == pytest.approx(
            bool(numbers.get(name, 0))
            if name in {"flip", "vflip"}
            else numbers.get(name, 0)
        )
    assert find_augmentation(found.name) == found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("stong", "did you mean 'strong'"),
        ("xyz", "a preset, then any of flip, rotation"),
        ("xyz", "none, light, medium, strong"),
        ("light,rotaton20", "unknown word 'rotaton20'; did you mean 'rotation'"),
        ("flip,light", "unknown word 'light'; comma-separated: a preset, then"),
        ("rotation-5", "unknown word 'rotation-5'; did you mean 'rotation'"),
        ("zoom.", "'zoom.' has no valid number"),
        ("", "unknown word ''"),
        ("light,", "unknown word ''"),
        ("rotation181", "rotation must be between 0 and 180, not 181"),
    ],
)
def test_words_that_mean_nothing(text, hint):
    with pytest.raises(NetworkError, match=hint):
        find_augmentation(text)


@pytest.mark.parametrize(
    ("option", "value"), [("rotation", 181), ("shift", -0.1), ("mixup", float("nan"))]
)
def test_numbers_that_make_no_sense(option, value):
    with pytest.raises(NetworkError, match=f"'mine': {option} must be between 0 and"):
        Augmentation("mine", **{option: value})
