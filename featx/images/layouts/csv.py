"""Labels from CSV files, Kaggle's and Hugging Face's metadata.csv among them."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from featx.errors import DataError, nearest
from featx.images.image_set import ImageSet, shorten
from featx.images.layouts.build import Labelled, build_image_set, left_out
from featx.images.layouts.file_index import FileIndex
from featx.images.layouts.options import DataSettings
from featx.images.layouts.splits import find_split

PATH_COLUMNS = (
    *("file_name", "filename", "file", "path", "filepath", "file_path", "image_path"),
    *("image", "image_id", "image_name", "img", "id"),
)
LABEL_COLUMNS = (
    *("label", "labels", "class", "class_name", "category", "target", "species"),
    *("breed", "type", "name", "y"),
)
SPLIT_COLUMNS = ("split", "set", "part", "subset")

Row = dict[str, str]

Labels = dict[str, tuple[str, str | None]]
"""File to class and split."""


def read_csv(root: Path, layout: DataSettings) -> ImageSet:
    """Read labels from a CSV; an id without extension matches its file.

    Raises
    ------
    DataError
        The file or a column is missing, an id matches two files, one image has two
        labels or splits, a class is spelt in two ways, or no label matches any file.
    """
    assert layout.labels is not None
    path = find_file(root, layout.labels)
    labels, notes = _read_labels(root, path, layout)
    labelled = [Labelled(file, *sample) for file, sample in labels.items()]
    return build_image_set(
        root, labelled, layout=f"labels in {path.name}", notes=notes, source=path
    )


def read_splits(root: Path, folders: Sequence[Path], layout: DataSettings) -> ImageSet:
    """Read Hugging Face's metadata.csv of each split."""
    labelled: list[Labelled] = []
    notes: list[str] = []
    for folder in folders:
        labels, found = _read_labels(folder, folder / "metadata.csv", layout)
        split = find_split(folder.name)
        labelled += [
            Labelled(f"{folder.name}/{f}", n, split) for f, (n, _) in labels.items()
        ]
        notes.extend(f"{folder.name}: {note}" for note in found)
    names = " + ".join(f"{folder.name}/" for folder in folders)
    return build_image_set(
        root,
        labelled,
        layout=f"metadata.csv in {names}",
        notes=notes,
        source=root,
        folders={find_split(folder.name): f"{folder.name}/" for folder in folders},
    )


def _read_labels(
    root: Path, path: Path, layout: DataSettings
) -> tuple[Labels, list[str]]:
    """Read a CSV's rows and find the files that they mean; note what is left over."""
    rows = _read_rows(path)
    columns = list(rows[0][1])
    names = _column(path, columns, layout.path_column, PATH_COLUMNS, "--path-column")
    others = [column for column in columns if column != names]
    label_column = _column(
        path, others, layout.label_column, LABEL_COLUMNS, "--label-column"
    )
    split = _split_column(path, rows)
    index = FileIndex(root)
    found: Labels = {}
    missing: list[str] = []
    for number, row in rows:
        file = index.find(row[names], path)
        if file is None:
            missing.append(row[names])
            continue
        label = row[label_column].strip()
        if not label:
            raise DataError(f"{path}, line {number}: no label for '{row[names]}'")
        sample = (label, find_split(row[split]) if split else None)
        above = found.setdefault(file, sample)
        if above != sample:
            here, there = (" in ".join(filter(None, s)) for s in (sample, above))
            raise DataError(
                f"{path}, line {number}: '{row[names]}' is '{here}' here and"
                f" '{there}' above; keep one of them"
            )
    if not found:
        raise DataError(
            f"{path}: none of its {len(rows)} labels matches a file below {root}"
            f" (first: '{missing[0]}'); check the column and the folder"
        )
    return found, _leftover_notes(path, missing, index, found)


def find_file(root: Path, given: Path) -> Path:
    """Return a label file, named from here or from the data folder."""
    found = [path for path in (given, root / given) if path.is_file()]
    if not found:
        raise DataError(f"{given}: no such file, neither here nor in {root}")
    if len(found) == 2 and not found[0].samefile(found[1]):
        # Labels of other images would be a silent disaster.
        raise DataError(f"{given}: one here and one in {root}; write the whole path")
    return found[0]


def read_text(path: Path) -> str:
    """Read a text file in UTF-8; a byte order mark is dropped."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: can't be read ({str(error.strerror).lower()}); make it readable"
        ) from error


def _read_rows(path: Path) -> list[tuple[int, Row]]:
    """Return (line number, row) of a CSV, whichever its delimiter."""
    text = read_text(path)
    header = text.split("\n", 1)[0]
    reader = csv.DictReader(
        io.StringIO(text),
        delimiter=max(",;\t", key=header.count),
        restkey="",
        restval="",
    )
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: not a CSV ({error}); check its quotes"
        ) from error
    if not rows:
        raise DataError(f"{path}: no rows; expected a header line and a row per image")
    return rows


def _known(columns: Iterable[str], known: Iterable[str]) -> str | None:
    by_name = {name.strip().lower(): name for name in columns}
    return next((by_name[name] for name in known if name in by_name), None)


def _column(
    path: Path,
    columns: Sequence[str],
    given: str | None,
    known: Sequence[str],
    option: str,
) -> str:
    shown = ", ".join(name for name in columns if name)
    if given is not None:
        if given not in columns:
            raise DataError(
                f"{path}: no column '{given}' (columns: {shown})"
                f"{nearest(given, columns)}"
            )
        return given
    found = _known(columns, known)
    if found is None:
        raise DataError(
            f"{path}: which column? Name it with {option} (columns: {shown})"
        )
    return found


def _split_column(path: Path, rows: Sequence[tuple[int, Row]]) -> str | None:
    """Return the column that says train or test, if one of the usual names does."""
    column = _known(rows[0][1], SPLIT_COLUMNS)
    if column is None or not any(find_split(row[column]) for _, row in rows):
        return None
    for number, row in rows:
        if find_split(row[column]) is None:
            raise DataError(
                f"{path}, line {number}: {column} '{row[column]}';"
                " expected train, test or validation"
            )
    return column


def _leftover_notes(
    path: Path, missing: Sequence[str], index: FileIndex, used: Iterable[str]
) -> list[str]:
    notes = []
    if missing:
        notes.append(
            f"{len(missing)} labels in {path.name} match no file, left out:"
            f" {shorten(missing)}"
        )
    unlabelled = sorted(set(index.paths) - set(used))
    return notes + left_out(f"images have no label in {path.name}", unlabelled)
