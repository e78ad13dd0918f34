"""The command group, which turns errors into one line and an exit code."""

import contextlib
import io
import logging
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import click

from featx.cli.cache import cache
from featx.cli.command import OrderedGroup
from featx.cli.compare import compare
from featx.cli.config import config
from featx.cli.data import data
from featx.cli.demo import demo
from featx.cli.export import export
from featx.cli.extract import extract
from featx.cli.finetune import finetune
from featx.cli.fit import fit
from featx.cli.inspect import inspect
from featx.cli.lists import backbones, heads
from featx.cli.new import new
from featx.cli.output import output_options
from featx.cli.predict import predict
from featx.cli.rank import rank
from featx.cli.report import report
from featx.cli.run import run
from featx.cli.terminal import log, logged
from featx.cli.train import train
from featx.errors import FeatxError

DONE, FAILED, INTERRUPTED, TERMINATED = 0, 1, 130, 143


class Terminated(KeyboardInterrupt):
    """Raised where a job manager asks the process to end, as Ctrl-C is raised."""


def _terminate(*_: object) -> NoReturn:
    raise Terminated


class FeatxGroup(OrderedGroup):
    """Commands in the order of their use, and each error as one line."""

    def main(
        self, args: Sequence[str] | None = None, *rest: Any, **extra: Any
    ) -> NoReturn:
        """Run a command and exit with a code: 0, 1, 2, 130 or 143."""
        words = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in words
        words = [word for word in words if word != "--debug"]
        for stream in (sys.stdout, sys.stderr):
            # A file name may hold bytes that the terminal's encoding can't show.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        extra["standalone_mode"] = False
        with logged(), _ended_like_an_interrupt():
            start = time.perf_counter()
            code = self._exit_code(words, *rest, debug=debug, **extra)
            seconds = time.perf_counter() - start
            log(f"exit code {code} after {seconds:.1f} s", level=logging.DEBUG)
        sys.exit(code)

    def _exit_code(
        self, words: list[str], *rest: Any, debug: bool, **extra: Any
    ) -> int:
        """Run a command, and show its error if it has one."""
        try:
            super().main(words, *rest, **extra)
        except click.exceptions.Exit as wanted:
            return wanted.exit_code
        except click.ClickException as error:
            _show_usage(error)
            return error.exit_code
        except click.Abort as error:
            _say("interrupted; what was computed is kept")
            is_asked = isinstance(error.__cause__, Terminated)
            return TERMINATED if is_asked else INTERRUPTED
        except BrokenPipeError:  # the reader of a pipe, like head, had enough
            sys.stdout = None
        except Exception as error:  # noqa: BLE001  the one place that shows errors
            _show(error, debug=debug)
            return FAILED
        return DONE


@contextlib.contextmanager
def _ended_like_an_interrupt() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does: what was computed is committed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python sets handlers there only
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(error: Exception, *, debug: bool) -> None:
    """Print an error as one line; with `--debug` its traceback as well."""
    lines = "".join(traceback.format_exception(error)).split("\n")
    log(*lines, level=logging.ERROR if debug else logging.DEBUG, is_shown=debug)
    if isinstance(error, FeatxError):
        _say(f"error: {error}")
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        _say(f"error: {where}{error.strerror or error}")
    elif isinstance(error, MemoryError):
        _say("error: not enough memory; try a smaller --batch-size or --image-size")
    else:
        first = (str(error).splitlines() or [""])[0]
        hint = "" if debug else "; --debug shows the traceback, please report it"
        _say(f"internal error: {type(error).__name__}: {first}{hint}")


def _show_usage(error: click.ClickException) -> None:
    """Print wrong usage as click does; its lines quote the words of the command."""
    shown = io.StringIO()
    error.show(shown)
    log(*shown.getvalue().rstrip("\n").split("\n"), level=logging.ERROR)


def _say(line: str) -> None:
    log(f"featx: {line}", level=logging.ERROR)


@click.group(
    cls=FeatxGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="In a folder with images in data/<class>/, or in data/train/<class>/ and"
    " data/test/<class>/, run featx extract, featx fit and featx report. Results are"
    " written to stdout, everything else to stderr.",
)
@click.version_option(package_name="featx", prog_name="featx")
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)
@output_options
def main() -> None:
    """From a folder of labelled images to a classifier you can trust.

    Frozen ImageNet networks compute embeddings of the images once; heads are then
    trained and compared on them in seconds.
    """


for command in (
    *(inspect, new, rank, extract, fit, finetune, train),
    *(report, compare, predict, export),
    *(run, demo, data, backbones, heads, config, cache),
):
    main.add_command(command)
