"""Labels from CSV files, Kaggle's and Hugging Face's metadata.csv among them."""

import re
from collections.abc import Iterator, Sequence

from featx.addresses import Address
from featx.errors import DataError
from featx.images.image_set import ImageSet, shorten
from featx.images.layouts.build import Labelled, build_image_set, left_out
from featx.images.layouts.columns import (
    LABEL_COLUMNS,
    PATH_COLUMNS,
    SPLIT_COLUMNS,
    find_labels,
    find_paths,
    find_splits,
)
from featx.images.layouts.file_index import FileIndex
from featx.images.layouts.options import DataSettings
from featx.images.layouts.splits import find_split
from featx.images.layouts.table import Table, UnfitError, read_table

COLUMNS = {*PATH_COLUMNS, *LABEL_COLUMNS, *SPLIT_COLUMNS}

Labels = dict[str, tuple[str, str | None]]
"""File to class and split."""


def read_csv(root: Address, layout: DataSettings) -> ImageSet:
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


def read_splits(
    root: Address, folders: Sequence[Address], layout: DataSettings
) -> ImageSet:
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
    root: Address, path: Address, layout: DataSettings
) -> tuple[Labels, list[str]]:
    """Read a CSV's rows and find the files that they mean; note what is left over."""
    index = FileIndex(root)
    table = read_table(path, index.has, COLUMNS)
    names = find_paths(table, layout.path_column, index.has)
    splits, said = find_splits(table, names)
    labels = find_labels(table, layout.label_column, {names, *said})
    table.check_widths()
    above = index.place(table.cells(names))
    if above:
        table.notes.append(f"paths in {path.name} are read without '{above}/'")
    found: Labels = {}
    missing: list[str] = []
    unlabelled: list[str] = []
    for row, label, split in zip(table.rows, labels, splits, strict=True):
        line, cells = row
        _check_quotes(table, row, label, names, index)
        try:
            file = index.find(cells[names], path, line)
        except DataError as error:
            raise error if found else UnfitError(str(error)) from error
        if file is None:
            missing.append(cells[names])
        elif not label:
            unlabelled.append(file)
        else:
            _add(found, file, (label, split), f"{path}, line {line}: '{cells[names]}'")
    if not found:
        raise _nothing_found(table, root, missing, index)
    left = [file for file in unlabelled if file not in found]
    notes = [
        *table.notes,
        *_missing_notes(path, missing),
        *_unlabelled_notes(path, left),
    ]
    others = sorted(set(index.paths) - set(found) - set(left))
    return found, notes + left_out(f"images have no label in {path.name}", others)


def _add(found: Labels, file: str, sample: tuple[str, str | None], where: str) -> None:
    above = found.setdefault(file, sample)
    if above != sample:
        here, there = (" in ".join(filter(None, s)) for s in (sample, above))
        raise DataError(
            f"{where} is '{here}' here and '{there}' above; keep one of them"
        )


def _check_quotes(
    table: Table, row: tuple[int, list[str]], label: str, names: int, index: FileIndex
) -> None:
    """Refuse a quoted cell that swallowed rows."""
    line, cells = row
    for column, cell in enumerate(cells[: len(table.columns)]):
        _, *below = re.split(r"[\r\n]+", cell)
        inner = [re.split(r"[,;\t|]", text) for text in below]
        rows = (len(one) > names and index.has(one[names]) for one in inner)
        if inner and (column == names or cell.strip() == label or any(rows)):
            raise DataError(
                f"{table.path}, line {line}: a cell of '{table.columns[column]}' runs"
                f" over {len(inner) + 1} lines; check its quotes"
            )


def _nothing_found(
    table: Table, root: Address, missing: Sequence[str], index: FileIndex
) -> UnfitError:
    if not missing:
        return UnfitError(f"{table.path}: no row has a label; fill in its labels")
    return UnfitError(
        f"{table.path}: none of its {len(table.rows)} labels matches a file below"
        f" {root} (first: '{missing[0]}'); check the column and the folder"
        f"{index.nearest(missing[0])}"
    )


def find_file(root: Address, given: Address) -> Address:
    """Return a label file, named from here or from the data folder."""
    found = [path for path in (given, root / str(given)) if path.is_file()]
    if not found:
        raise DataError(f"{given}: no such file, neither here nor in {root}")
    if len(found) == 2 and found[0].resolve() != found[1].resolve():
        # Labels of other images would be a silent disaster.
        raise DataError(f"{given}: one here and one in {root}; write the whole path")
    return found[0]


def _missing_notes(path: Address, missing: Sequence[str]) -> Iterator[str]:
    if missing:
        yield (
            f"{len(missing)} labels in {path.name} match no file, left out:"
            f" {shorten(missing)}"
        )


def _unlabelled_notes(path: Address, files: Sequence[str]) -> Iterator[str]:
    if files:
        yield (
            f"{len(files)} images have an empty label in {path.name}, left out (first:"
            f" {files[0]}); `featx predict RUN IMAGE...` says what they show"
        )
