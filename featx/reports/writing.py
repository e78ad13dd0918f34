"""Render the templates, and write files so that none is ever half there."""

import base64
import hashlib
import logging
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.atomic import write_atomically
from featx.errors import RunError
from featx.files import open_text
from featx.reports import numbers

LOGGER = logging.getLogger(__name__)

if TYPE_CHECKING:
    import jinja2

PAGE = "index.html"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half.

    Raises
    ------
    RunError
        The folder can't be written or the disk is full.
    """
    LOGGER.debug("writing %s", path)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise RunError(
            f"{path}: can't write the report ({error.strerror or error});"
            " make room there, or make the folder writable"
        ) from error


def render(template: str, **context: Any) -> bytes:
    """Fill a template; all values are escaped."""
    page = environment().get_template(template).render(generator=generator(), **context)
    # Names from odd file systems may hold what UTF-8 can't.
    return page.encode("utf-8", errors="replace")


def generator() -> str:
    """Return what the pages say wrote them: featx and its version."""
    return f"featx {version('featx')}"


def newer_than(page: Path, sources: list[Path]) -> bool:
    """Return whether this featx wrote `page` after all of `sources`."""
    try:
        written = os.stat(page).st_mtime_ns  # noqa: PTH116
        with open_text(page, errors="replace") as stream:
            top = stream.read(1000)
        changed = max(path.stat().st_mtime_ns for path in sources)
    except OSError:
        return False
    return written >= changed and f'content="{generator()}"' in top


def _csp_hash(text: str) -> str:
    """Return how a Content-Security-Policy names the content of one element."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def environment() -> "jinja2.Environment":
    """Return what renders templates: values are escaped, unknown names are errors."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "count": "{:,}".format,
        "counted": numbers.counted,
        "duration": numbers.duration,
        "percent": numbers.percent,
        "points": numbers.points,
        "sha256": _csp_hash,
    }
    parts = vars(made.get_template("parts.html.j2").module)
    made.globals |= {
        "bar": parts["bar"],
        "figure": parts["figure"],
        "fact_list": parts["fact_list"],
        "image_table": parts["image_table"],
        "show": numbers.show,
        "folds_of": numbers.folds_of,
        "show_interval": numbers.show_interval,
        "MISSING": numbers.MISSING,
    }
    return made
