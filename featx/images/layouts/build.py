"""An image set of labelled paths: what is checked of every layout."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from featx.errors import DataError
from featx.images.image_set import ImageSet, shorten

EXPECTED = (
    "DATA/<class>/<image>, DATA/train/<class>/<image> with DATA/test/<class>/<image>,"
    " or --labels FILE.csv"
)


def left_out(what: str, names: Sequence[str]) -> list[str]:
    """Return the note about what is left out; empty where there is nothing."""
    return [f"{len(names)} {what}, left out (first: {names[0]})"] if names else []


def build_image_set(
    root: Path,
    samples: Sequence[tuple[str, str, bool | None]],
    *,
    layout: str,
    notes: Sequence[str] = (),
) -> ImageSet:
    """Make an image set of (path, class name, is test) rows.

    Raises
    ------
    DataError
        No image at all, a single class, a class in the test split only, or a
        class name that is not text.
    """
    if not samples:
        raise DataError(f"{root}: no images found; expected {EXPECTED}")
    samples = sorted(samples)
    _check_names(root, {name for _, name, _ in samples})
    flags = [test for _, _, test in samples]
    is_test = None if None in flags else np.array(flags, dtype=bool)
    names = [name for _, name, _ in samples]
    trained = {name for _, name, test in samples if not test}
    tested = {name for _, name, test in samples if test}
    unknown = sorted(tested - trained)
    if unknown:
        raise DataError(
            f"{root}: {shorten(unknown)} in the test split but not in the training"
            " split; add training images or remove it"
        )
    classes = tuple(sorted(set(names)))
    if len(classes) < 2:
        raise DataError(
            f"{root}: only one class, '{classes[0]}';"
            " a classifier needs at least two: add a folder or a label"
        )
    missing = sorted(trained - tested)
    notes = list(notes)
    if is_test is not None and missing:
        notes.append(f"no test image of {shorten(missing)}; it goes unmeasured")
    code = {name: i for i, name in enumerate(classes)}
    return ImageSet(
        root=root,
        paths=tuple(path for path, _, _ in samples),
        labels=np.array([code[name] for name in names], dtype=np.int64),
        is_test=is_test,
        classes=classes,
        layout=layout,
        notes=tuple(notes),
    )


def check_spelling(where: Path, classes: Mapping[str, str]) -> None:
    """Refuse two spellings of one class: they would become two classes.

    Parameters
    ----------
    where : Path
        The folder or file to name in the error.
    classes : mapping of str to str
        Class name to how it is shown.

    Raises
    ------
    DataError
        Two names differ only by case, separators or Unicode form.
    """
    seen: dict[str, str] = {}
    for name, shown in sorted(classes.items()):
        other = seen.setdefault(_spelling(name), shown)
        if other != shown:
            raise DataError(
                f"{where}: '{other}' and '{shown}' differ only by case, separators or"
                " Unicode form; rename one so that both are the same class"
            )


def _spelling(name: str) -> str:
    """Return what all spellings of one class have in common.

    Separators between letters don't count at all; others do, so that 1.5 isn't 15.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = plain.lstrip(" _").rstrip(" _-")
    plain = re.sub(r"(?<=[^\W\d_])[\s_.-]+(?=[^\W\d_])", "", plain)
    return re.sub(r"[\s_-]+", "_", plain)


def _check_names(root: Path, classes: set[str]) -> None:
    """Check that all classes can be named in a table; a file's name may be anything."""
    for name in sorted(classes):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{root}: the class {name!a} isn't UTF-8 text; rename its folder"
            ) from error
