"""An image set: paths, labels and, where the data says so, the split."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError


@dataclass(frozen=True)
class ImageSet:
    """Labelled image files.

    Attributes
    ----------
    root : Path
        The data folder.
    paths : tuple of str
        Relative to `root`, with ``/``, in sorted order.
    labels : ndarray of int64, shape (n,)
        Index into `classes`.
    is_test : ndarray of bool, shape (n,), or None
        Which images are in the test part; None where nothing says so yet.
    classes : tuple of str
        Class names, sorted; this order holds for all columns everywhere.
    layout : str
        How the folder was understood, for people.
    notes : tuple of str
        What was left out or is odd, one line each, for people.
    """

    root: Path
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    is_test: NDArray[np.bool_] | None
    classes: tuple[str, ...]
    layout: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def name(self) -> str:
        """The data folder's name."""
        return self.root.resolve().name or "data"

    @property
    def files(self) -> list[Path]:
        """The image files, in the order of `paths`."""
        return [self.root / path for path in self.paths]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> "ImageSet":
        """Return the image set with these rows only, in this order."""
        index = np.arange(len(self))[rows]
        return replace(
            self,
            paths=tuple(self.paths[i] for i in index),
            labels=self.labels[index],
            is_test=None if self.is_test is None else self.is_test[index],
        )

    def fingerprint(self, keys: NDArray[np.uint8]) -> str:
        """Tell apart two data sets, or two splits of one, by content.

        Parameters
        ----------
        keys : ndarray of uint8, shape (n, 32)
            The files' digests.

        Returns
        -------
        str
            16 hexadecimal digits; the same for a renamed or moved folder.
        """
        test = np.zeros(len(self), bool) if self.is_test is None else self.is_test
        rows = sorted(
            (bytes(key), int(label), bool(t))
            for key, label, t in zip(keys, self.labels, test, strict=True)
        )
        return hashlib.sha256(repr((self.classes, rows)).encode()).hexdigest()[:16]


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
        No image at all, a single class, a class known to the test part only, or a
        name that is no text.
    """
    if not samples:
        raise DataError(f"{root}: no images found; expected {EXPECTED}")
    samples = sorted(samples)
    _check_names(root, {name for _, name, _ in samples})
    flags = [test for _, _, test in samples]
    is_test = None if None in flags else np.array(flags, dtype=bool)
    names = [name for _, name, _ in samples]
    trained = {name for _, name, test in samples if not test}
    if is_test is not None:
        _check_tested(root, trained, {n for _, n, test in samples if test})
    classes = tuple(sorted(set(names)))
    if len(classes) < 2:
        raise DataError(
            f"{root}: only one class, '{classes[0]}';"
            " a classifier needs at least two: add a folder or a label"
        )
    missing = sorted(trained - {n for _, n, test in samples if test})
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


EXPECTED = (
    "DATA/<class>/<image>, DATA/train/<class>/<image> with DATA/test/<class>/<image>,"
    " or --labels FILE.csv"
)


def shorten(names: Sequence[str], most: int = 3) -> str:
    """List the first few names and count the rest."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown


def _check_tested(root: Path, train: set[str], test: set[str]) -> None:
    """Check that the test part knows no class that the training part doesn't."""
    unknown = sorted(test - train)
    if unknown:
        raise DataError(
            f"{root}: {shorten(unknown)} in the test part but not in the training"
            " part; add training images or take it out"
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
