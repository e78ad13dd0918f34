r"""Everything that a command prints goes through here, and none of it is raw.

Names of files and classes come from anywhere. A control character in one could move
the cursor, change the window's title or type for the user; a bidirectional mark could
show ``gpj.exe`` as ``exe.jpg``. They are written out, as Python writes them: ``\x1b``.
"""

import contextlib
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import click

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


def say(*lines: object, err: bool = False) -> None:
    """Print lines; a line feed within one is written out too.

    Parameters
    ----------
    lines : objects
        Each is one line, whatever is in it.
    err : bool
        Whether to print to stderr.
    """
    for line in lines:
        _echo(visible(str(line)), err=err)


def say_json(content: Any) -> None:
    """Print a result for a script; a path is written as text.

    What is written out is so by JSON's own escapes: it reads back the same.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, default=os.fspath)
    _echo(_escaped(text, "\n", _json_escape))


def _json_escape(char: str) -> str:
    # JSON leaves the delete character as it is, though it controls a terminal.
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def say_data(text: str) -> None:
    """Print a file's content: as it is, but on a screen written out."""
    if sys.stdout.isatty():
        text = visible(text, keep="\n")
    _echo(text, nl=False)


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
