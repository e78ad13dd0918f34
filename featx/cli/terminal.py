r"""Everything that a command prints goes through here, and none of it is raw.

Results go to stdout. Everything else is logged with Python's `logging`, under the name
``featx``, and printed on stderr: errors, notes and Python's warnings (warnings),
progress (info) and, with --verbose, details (debug). With --log-file a file gets all of
it, results included.

Names of files and classes come from anywhere. A control character in one could move
the cursor, change the window's title or type for the user; a bidirectional mark could
show ``gpj.exe`` as ``exe.jpg``. They are written out, as Python writes them: ``\x1b``.
"""

import contextlib
import json
import logging
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from featx.errors import FeatxError
from featx.files import open_at_once

if TYPE_CHECKING:
    from rich.console import Console

LOGGER = logging.getLogger("featx")
"""Gets all that a command says, and the details that the package's modules log."""

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what controls the text around it instead of being shown."""

JOINERS = "\u200c\u200d"
"""Of category Cf, but part of Persian and Indic words and of emoji."""


def visible(text: str, keep: str = "") -> str:
    """Return text in which each character that is not shown is written out.

    Parameters
    ----------
    keep : str
        Characters that stay, such as the line feeds of a text of several lines.
    """
    return _escaped(text, keep, lambda char: char.encode("unicode_escape").decode())


def _escaped(text: str, keep: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(escape(char) if _is_hidden(char, keep) else char for char in text)


def _is_hidden(char: str, keep: str) -> bool:
    return (
        not char.isprintable()
        and char not in keep + JOINERS
        and unicodedata.category(char) in HIDDEN
    )


class Stderr(logging.Handler):
    """Prints what is logged on stderr, above the bars that are drawn there.

    Attributes
    ----------
    bars : rich.console.Console or None
        Where bars are being drawn.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.bars: Console | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether only errors are printed."""
        return self.level > logging.WARNING

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, unless it is for the log file only."""
        if not getattr(record, "is_shown", True):
            return
        line = visible(record.getMessage())
        if self.bars is None:
            _echo(line, err=True)
        else:
            self.bars.print(line, markup=False, highlight=False)


STDERR = Stderr()


class _LogFile(logging.FileHandler):
    """Appends what is logged to a file, until that fails."""

    def _open(self) -> TextIOWrapper:
        """Open the file; of a named pipe, only one that is being read."""
        stream = open(self.baseFilename, "ab", opener=open_at_once)  # noqa: SIM115
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(stream.fileno(), True)  # a slow reader is waited for
        return TextIOWrapper(stream, self.encoding, self.errors)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record: a name in it can't begin another."""
        return visible(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802
        """Go on without the file: the work is worth more than its log."""
        reason = sys.exception()
        LOGGER.removeHandler(self)
        _close(self)
        reason = getattr(reason, "strerror", None) or reason
        note(f"{self.baseFilename}: the log ends here ({reason})")


def _close(handler: logging.Handler) -> None:
    with contextlib.suppress(OSError):  # a disk that is full does not take the rest
        handler.close()


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """Print and write what is logged in a block, as the options of a command say."""
    STDERR.setLevel(logging.INFO)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False  # frameworks print what reaches the root logger
    LOGGER.addHandler(STDERR)
    before, warnings.showwarning = warnings.showwarning, _log_warning
    try:
        yield
    finally:
        warnings.showwarning = before
        LOGGER.propagate = True
        LOGGER.setLevel(logging.NOTSET)
        for handler in list(LOGGER.handlers):
            LOGGER.removeHandler(handler)
            _close(handler)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Say a warning of Python or a library, in one line."""
    text = " ".join(str(message).split())
    said = f"warning: {text} ({category.__name__}, {filename}:{lineno})"
    log(said, level=logging.WARNING)


def show_levels_from(level: int) -> None:
    """Set the least level of what is printed on stderr."""
    STDERR.setLevel(level)
    LOGGER.setLevel(min(level, LOGGER.level))


def log_to(path: Path) -> None:
    """Append all that is logged from now on to a file as well.

    Raises
    ------
    FeatxError
        The file can't be written to.
    """
    try:
        file = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise FeatxError(
            f"{path}: can't write the log ({error.strerror}); choose another --log-file"
        ) from error
    file.setFormatter(
        logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s")
    )
    LOGGER.addHandler(file)
    LOGGER.setLevel(logging.DEBUG)


def log(*lines: object, level: int = logging.INFO, is_shown: bool = True) -> None:
    """Say lines on stderr, and in the log file if there is one.

    Parameters
    ----------
    lines : objects
        Each is one line, whatever is in it.
    level : int
        One of `logging`: errors are printed even with --quiet, details only with
        --verbose.
    is_shown : bool
        False for what is in the log file only.
    """
    for line in lines:
        LOGGER.log(level, "%s", line, extra={"is_shown": is_shown})


def note(line: str) -> None:
    """Say what the user should know about a result."""
    log(f"note: {line}", level=logging.WARNING)


def say(*lines: object) -> None:
    """Print lines of a result; a line feed within one is written out too.

    Parameters
    ----------
    lines : objects
        Each is one line, whatever is in it.
    """
    for line in lines:
        _echo(visible(str(line)))
    log(*lines, is_shown=False)


def say_table(console: "Console", table: Any) -> None:
    """Print a table of a result; its cells are visible text."""
    with naming_stream("stdout"):
        console.print(table)
    text = console.export_text(styles=False)
    log(*map(str.rstrip, text.splitlines()), is_shown=False)


def _path_text(value: Any) -> str:
    """Return a path or an address as text; what is none has no place in the output."""
    from featx.addresses import is_address

    if not is_address(value):
        raise TypeError(f"{type(value).__name__} can't be written as JSON")
    return str(value)


def say_json(content: Any) -> None:
    """Print a result for a script; a path is written as text.

    What is written out is so by JSON's own escapes: it reads back the same.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, default=_path_text)
    _echo(_escaped(text, "\n", _json_escape))
    log(*text.splitlines(), is_shown=False)


def _json_escape(char: str) -> str:
    # JSON leaves the delete character as it is, though it controls a terminal.
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def say_data(text: str) -> None:
    """Print a file's content: as it is, but on a screen written out."""
    if sys.stdout.isatty():
        text = visible(text, keep="\n")
    _echo(text, nl=False)
    log(*text.splitlines(), is_shown=False)


def _echo(text: str, *, nl: bool = True, err: bool = False) -> None:
    with naming_stream("stderr" if err else "stdout"):
        click.echo(text, nl=nl, err=err)


@contextlib.contextmanager
def naming_stream(name: str) -> Iterator[None]:
    """Have a failure to print name the stream, as that of a file names the file."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        error.filename = name
        raise
