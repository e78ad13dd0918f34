"""Which columns of a CSV file hold file names, classes and splits."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from featx.errors import DataError, nearest
from featx.images.layouts.classes import visible
from featx.images.layouts.splits import find_split
from featx.images.layouts.table import Table, UnfitError

PATH_COLUMNS = (
    *("file_name", "filename", "file", "path", "filepath", "file_path", "image_path"),
    *("image", "image_id", "image_name", "img", "id"),
)
LABEL_COLUMNS = (
    *("label", "labels", "class", "class_name", "category", "target", "species"),
    *("breed", "type", "name", "y"),
)
SPLIT_COLUMNS = ("split", "set", "part", "subset")

YES = {"1", "1.0", "true", "yes", "t", "y"}
NO = {"0", "0.0", "false", "no", "f", "n"}
NO_LABEL = {"", "nan", "<na>"}
CODES = {"0": "train", "1": "validation", "2": "test"}
"""What numbers of splits stand for where there are three."""
ROLES = ("test", "train")
"""What two values stand for, the rarer one first."""


def find_paths(table: Table, given: str | None, is_file: Callable[[str], bool]) -> int:
    """Return the column of file names.

    Raises
    ------
    DataError
    """
    names = [name.lower() for name in table.columns]
    if given is None and not any(name in names for name in PATH_COLUMNS):
        cells = table.rows[0][1][: len(names)]
        found = [i for i, cell in enumerate(cells) if is_file(cell)]
        if len(found) == 1:
            table.notes.append(
                f"column '{table.columns[found[0]]}' of {table.path.name} names the"
                " files"
            )
            return found[0]
    return _find(table, range(len(names)), given, PATH_COLUMNS, "--path-column")


def find_labels(table: Table, given: str | None, others: Collection[int]) -> list[str]:
    """Return each row's class, empty where it has none.

    Parameters
    ----------
    table : Table
        A note is added where classes are read from one column each.
    given : str, optional
        The name of the column.
    others : collection of int
        Columns that hold file names or splits.

    Raises
    ------
    DataError
    """
    left = [i for i in range(len(table.columns)) if i not in others]
    known = any(table.columns[i].lower() in LABEL_COLUMNS for i in left)
    if given is None and not known:
        one_hot = _one_hot(table, left)
        if one_hot:
            return one_hot
        if len(left) == 1 and not table.has_header:
            given = table.columns[left[0]]
    column = _find(table, left, given, LABEL_COLUMNS, "--label-column")
    cells = table.cells(column)
    return ["" if visible(c).lower() in NO_LABEL else c.strip() for c in cells]


def _one_hot(table: Table, left: Sequence[int]) -> list[str]:
    """Return the classes of columns that hold a 1 for one class; empty if none do."""
    columns = [
        i for i in left if {c.strip().lower() for c in table.cells(i)} <= YES | NO
    ]
    if len(columns) < 2:
        return []
    labels = []
    for line, cells in table.rows:
        ones = [table.columns[i] for i in columns if cells[i].strip().lower() in YES]
        if len(ones) > 1:
            raise DataError(
                f"{table.path}, line {line}: '{ones[0]}' and '{ones[1]}' are both 1;"
                " an image has one class"
            )
        labels.append(ones[0] if ones else "")
    first, last = table.columns[columns[0]], table.columns[columns[-1]]
    table.notes.append(
        f"{len(columns)} columns of {table.path.name}, '{first}' to '{last}', are read"
        " as a class each"
    )
    return labels


def find_splits(table: Table, used: int) -> tuple[list[str | None], set[int]]:
    """Return the split of each row, and the columns that say it.

    Parameters
    ----------
    table : Table
        A note is added where the meaning was guessed.
    used : int
        The column of file names.

    Raises
    ------
    DataError
        A cell says none of what the others say, or numbers may mean either split.
    """
    names = {i: name.lower() for i, name in enumerate(table.columns) if i != used}
    usual = [i for known in SPLIT_COLUMNS for i, name in names.items() if name == known]
    for column in usual:
        meaning = _meaning(table, column)
        if meaning:
            _check_alone(table, column)
            return list(_translate(table, column, meaning)), {column}
    flags = {
        i: split
        for i, name in names.items()
        if name.startswith("is") and (split := find_split(name[2:].lstrip("_ ")))
    }
    if not flags:
        return [None] * len(table.rows), set()
    splits = [_flagged(table, line, cells, flags) for line, cells in table.rows]
    counts = ", ".join(f"{n} {split}" for split, n in Counter(splits).most_common())
    shown = " and ".join(f"'{table.columns[i]}'" for i in flags)
    table.notes.append(f"column {shown} of {table.path.name} says the split: {counts}")
    return list(splits), set(flags)


def _meaning(table: Table, column: int) -> dict[str, str]:
    """Return what the values of a column mean, empty if they are no splits."""
    counts = Counter(cell.strip().lower() for cell in table.cells(column))
    words = {value: split for value in counts if (split := find_split(value))}
    if words:
        return words
    del counts[""]
    name = table.columns[column]
    meaning = CODES
    if set(counts) != set(CODES):
        if len(counts) != 2 or not set(counts) <= YES | NO:
            table.notes.append(
                f"column '{name}' of {table.path.name} names no split and isn't used"
            )
            return {}
        meaning = dict(zip(sorted(counts, key=counts.__getitem__), ROLES, strict=True))
    most, fewer = counts.most_common(2)
    if meaning[most[0]] != "train" or most[1] == fewer[1]:
        raise DataError(
            f"{table.path}: which value of '{name}' is for training? Write train and"
            " test instead"
        )
    said = ", ".join(f"{v} is {split} ({counts[v]})" for v, split in meaning.items())
    table.notes.append(f"column '{name}' of {table.path.name} is the split: {said}")
    return meaning


def _translate(table: Table, column: int, meaning: Mapping[str, str]) -> Iterator[str]:
    """Yield the split of each row."""
    words = any(find_split(value) for value in meaning)
    expected = "train, test or validation" if words else " or ".join(sorted(meaning))
    for line, cells in table.rows:
        split = meaning.get(cells[column].strip().lower())
        if split is None:
            raise DataError(
                f"{table.path}, line {line}: {table.columns[column]} '{cells[column]}';"
                f" expected {expected}"
            )
        yield split


def _flagged(
    table: Table, line: int, cells: Sequence[str], flags: Mapping[int, str]
) -> str:
    """Return the split that columns such as `is_valid` say."""
    said = set()
    for column, split in flags.items():
        value = cells[column].strip().lower()
        if value not in YES | NO:
            raise DataError(
                f"{table.path}, line {line}: {table.columns[column]} '{cells[column]}';"
                " expected 0, 1, true or false"
            )
        if value in YES:
            said.add(split)
        elif split == "train" and len(flags) == 1:
            said.add("test")
    if len(said) > 1:
        raise DataError(f"{table.path}, line {line}: in more than one split")
    return said.pop() if said else "train"


def _find(
    table: Table,
    columns: Sequence[int],
    given: str | None,
    known: Sequence[str],
    option: str,
) -> int:
    """Return a column, by the given name or else by one of the usual names."""
    names = [table.columns[i] for i in columns]
    shown = ", ".join(name for name in names if name)
    if given is not None and given not in names:
        raise DataError(
            f"{table.path}: no column '{given}' (columns: {shown})"
            f"{nearest(given, names)}"
        )
    lower = [name.lower() for name in names] if given is None else names
    wanted = known if given is None else [given]
    found = next((name for name in wanted if name in lower), None)
    if found is None:
        raise UnfitError(
            f"{table.path}: which column? Name it with {option} (columns: {shown})"
        )
    column = columns[lower.index(found)]
    _check_alone(table, column)
    return column


def _check_alone(table: Table, column: int) -> None:
    name = table.columns[column]
    if table.columns.count(name) > 1:
        raise DataError(f"{table.path}: two columns are called '{name}'; rename one")
