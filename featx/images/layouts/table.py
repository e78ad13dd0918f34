"""Rows of a CSV file as people have them; what can't be meant is refused."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from featx.addresses import Address
from featx.errors import DataError
from featx.files import open_file
from featx.images.layouts.classes import visible

DELIMITERS = ",;\t|"


class UnfitError(DataError):
    """A file doesn't hold labels of the images that lie in the folder."""


@dataclass
class Table:
    """A CSV file.

    Attributes
    ----------
    path : Path or UPath
    columns : list of str
        Their names; numbers from 1 on where the file has no header line.
    rows : list of (int, list of str)
        The line where each begins, and its cells, at least one per column.
    has_header : bool
    notes : list of str
        What was guessed.
    """

    path: Address
    columns: list[str]
    rows: list[tuple[int, list[str]]]
    has_header: bool
    notes: list[str] = field(default_factory=list)

    def cells(self, column: int) -> list[str]:
        """Return the cells of a column."""
        return [cells[column] for _, cells in self.rows]

    def check_widths(self) -> None:
        """Refuse rows with more cells than there are columns; empty ones may be.

        Raises
        ------
        DataError
        """
        width = len(self.columns)
        for line, cells in self.rows:
            if any(cell.strip() for cell in cells[width:]):
                raise DataError(
                    f"{self.path}, line {line}: {len(cells)} cells for {width} columns"
                    f" ('{cells[width].strip()}' is too many); put quotes around a cell"
                    " that contains the delimiter"
                )


def read_table(path: Address, is_file: Callable[[str], bool], known: set[str]) -> Table:
    """Read a CSV file, whichever its delimiter.

    Parameters
    ----------
    path : Path or UPath
    is_file : callable
        Whether a cell names a file: a first line that has such a cell is no header.
    known : set of str
        Names of columns that only a header has, in lower case.

    Raises
    ------
    DataError
        It can't be read, is no CSV or has no rows.
    """
    rows = list(_read_rows(path))
    notes = []
    columns = [visible(cell) for cell in rows[0][1]] if rows else []
    has_header = any(name.lower() in known for name in columns)
    has_header = has_header or not any(is_file(cell) for cell in columns)
    if has_header:
        rows = rows[1:]
    else:
        columns = [str(number + 1) for number in range(len(columns))]
        notes.append(f"{path.name} has no header line; its columns are numbered")
    if not rows:
        raise UnfitError(f"{path}: no rows; expected a header line and a row per image")
    width = len(columns)
    padded = [(line, cells + [""] * (width - len(cells))) for line, cells in rows]
    return Table(path, columns, padded, has_header, notes)


def _read_rows(path: Address) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of the lines that aren't blank."""
    text = read_text(path)
    lines = 1
    first = text.lstrip("\r\n").split("\n", 1)[0].strip("\r ")
    delimiter = max(DELIMITERS, key=first.count)
    if first.lower().startswith("sep=") and len(first) == len("sep=;"):
        delimiter = first[-1]
        _, _, text = text.partition("\n")
        lines += 1
    elif first and delimiter not in first:
        raise UnfitError(
            f"{path}: no comma, semicolon, tab or | in its first line ('{first[:60]}');"
            " separate the columns by one of them"
        )
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        skipinitialspace=True,
        strict=True,
    )
    start = lines
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = lines + reader.line_num
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: not a CSV ({error}); check its quotes"
        ) from error


def read_text(path: Address) -> str:
    """Read a text file in UTF-8; a byte order mark is dropped."""
    try:
        with open_file(path) as stream:
            return stream.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: can't be read ({str(error.strerror).lower()}); make it readable"
        ) from error
