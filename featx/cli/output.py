"""The options of every command: how much it says, and where it logs that."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from featx.cli.field_option import PATH
from featx.cli.terminal import log_to, show_levels_from

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = {"quiet": logging.ERROR, "verbose": logging.DEBUG}


def _set_level(ctx: click.Context, param: click.Parameter, is_set: bool) -> None:
    """Set what is printed on stderr."""
    if not is_set or ctx.resilient_parsing:
        return
    if ctx.meta.setdefault(__name__, param.name) != param.name:
        raise click.UsageError("-q/--quiet and -v/--verbose exclude each other")
    show_levels_from(LEVELS[str(param.name)])


def _open_log(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    if path is not None and not ctx.resilient_parsing:  # a shell only completes
        log_to(path)


def _flag(short: str, name: str, text: str) -> click.Option:
    return click.Option(
        [short, f"--{name}"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_level,
        help=text,
    )


OUTPUT_OPTIONS = (
    _flag("-q", "quiet", "Print only results and errors."),
    _flag("-v", "verbose", "Print files, settings, cache hits and timings too."),
    click.Option(
        ["--log-file"],
        type=PATH,
        is_eager=True,
        expose_value=False,
        callback=_open_log,
        metavar="FILE",
        help="Append all that is said to a file, with times.",
    ),
)
"""Options of every command."""


def output_options(function: F) -> F:
    """Add the options of every command to a group: they may stand before its name."""
    vars(function).setdefault("__click_params__", []).extend(reversed(OUTPUT_OPTIONS))
    return function
