"""An image set of labelled paths: what is checked of every layout."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from featx.addresses import Address
from featx.errors import DataError, nearest
from featx.images.image_set import ImageSet, shorten
from featx.images.layouts.classes import settle_classes
from featx.images.layouts.splits import is_tested

EXPECTED = (
    "DATA/<class>/<image>, DATA/train/<class>/<image> with DATA/test/<class>/<image>,"
    " or --labels FILE.csv"
)
ORDER = ("train", "validation", "test", None)
"""Of the splits: the first one decides how a class is spelt."""


class Labelled(NamedTuple):
    """An image with the name of its class and of its split, None without splits."""

    path: str
    name: str
    split: str | None = None


def left_out(what: str, names: Sequence[str]) -> list[str]:
    """Return the note about what is left out; empty where there is nothing."""
    return [f"{len(names)} {what}, left out (first: {names[0]})"] if names else []


def unlabelled_note(count: int, what: str, where: Address) -> str:
    """Return the note about images without labels, with the command that answers."""
    return (
        f"{count} {what}, left out of training and test;"
        f" `featx predict RUN {where}` says what they show"
    )


def build_image_set(
    root: Address,
    labelled: Sequence[Labelled],
    *,
    layout: str,
    notes: Sequence[str] = (),
    source: Address | None = None,
    folders: Mapping[str | None, str] | None = None,
) -> ImageSet:
    """Make an image set of labelled images.

    Parameters
    ----------
    source : Path or UPath, optional
        The file that the class names were typed in; they are names of folders without.
    folders : mapping of str to str, optional
        What stands before a class of a split where it is shown: ``train/``.

    Raises
    ------
    DataError
        No image at all, a single class, a class in the test split only, or a
        class name that is not text or spelt in two ways.
    """
    if not labelled:
        raise DataError(f"{root}: no images found; expected {EXPECTED}")
    _check_names(root, {name for _, name, _ in labelled})
    joined, decided = _join_spellings(source or root, labelled, folders or {}, source)
    splits = {split for _, _, split in joined}
    samples = sorted((path, name, is_tested(s, splits)) for path, name, s in joined)
    classes = _check_classes(root, samples)
    code = {name: i for i, name in enumerate(classes)}
    is_test = None if len(splits) < 2 else np.array([t for *_, t in samples], bool)
    return ImageSet(
        root=root,
        paths=tuple(path for path, _, _ in samples),
        labels=np.array([code[name] for _, name, _ in samples], dtype=np.int64),
        is_test=is_test,
        classes=classes,
        layout=layout,
        notes=(*notes, *decided, *_unmeasured_notes(samples)),
    )


def _join_spellings(
    where: Address,
    labelled: Sequence[Labelled],
    folders: Mapping[str | None, str],
    source: Address | None,
) -> tuple[list[Labelled], list[str]]:
    """Give each image the class that its name means."""
    splits = sorted({split for _, _, split in labelled}, key=ORDER.index)
    named: dict[str | None, dict[str, str]] = {split: {} for split in splits}
    for _, name, split in labelled:
        named[split][name] = f"{folders.get(split, '')}{name}"
    typed = source is not None
    renamed, notes = settle_classes(where, list(named.values()), typed=typed)
    classes = dict(zip(splits, renamed, strict=True))
    return [one._replace(name=classes[one.split][one.name]) for one in labelled], notes


Samples = Iterable[tuple[str, str, bool | None]]


def _check_classes(root: Address, samples: Samples) -> tuple[str, ...]:
    """Return the classes, sorted; there are two, and each is trained on."""
    trained = {name for _, name, test in samples if not test}
    unknown = sorted({name for _, name, test in samples if test} - trained)
    if unknown:
        raise DataError(
            f"{root}: {shorten(unknown)} in the test split but not in the training"
            f" split; add training images or remove it{nearest(unknown[0], trained)}"
        )
    if len(trained) < 2:
        raise DataError(
            f"{root}: only one class, {shorten(sorted(trained))};"
            " a classifier needs at least two: add a folder or a label"
        )
    return tuple(sorted(trained))


def _unmeasured_notes(samples: Samples) -> list[str]:
    tested = {name for _, name, test in samples if test}
    missing = sorted({name for _, name, test in samples if test is False} - tested)
    if not missing:
        return []
    return [f"no test image of {shorten(missing)}; it goes unmeasured"]


def _check_names(root: Address, classes: set[str]) -> None:
    """Check that all classes can be named in a table; a file's name may be anything."""
    for name in sorted(classes):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{root}: the class {name!a} isn't UTF-8 text; rename its folder"
            ) from error
