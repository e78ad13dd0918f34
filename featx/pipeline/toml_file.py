"""TOML files of settings: reading them, and each error in one line."""

import logging
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from featx.errors import RecipeError, nearest
from featx.files import open_text
from featx.settings import Settings, first_error, rename_fields

LOGGER = logging.getLogger(__name__)


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return what a TOML file holds, and its text.

    Raises
    ------
    RecipeError
        The file can't be read, or is not TOML.
    """
    LOGGER.debug("reading %s", path)
    try:
        with open_text(path, encoding="utf-8-sig") as stream:
            text = stream.read()
        return tomllib.loads(text), text
    except OSError as error:
        raise RecipeError(
            f"{path}: can't be read ({error.strerror}); it must be a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not TOML ({error})") from error
    except RecursionError:
        raise RecipeError(
            f"{path}: nested too deeply; write a table for each section"
        ) from None


def describe_error(
    kind: type[Settings], error: ValidationError, within: Sequence[str] = ()
) -> str:
    """Describe the first error in one line, and how to fix it.

    Parameters
    ----------
    within : sequence of str
        Keys of the file's tables that hold the settings.
    """
    where, problem, message = first_error(error)
    key = ".".join([*within, *where])
    if problem == "extra_forbidden":
        holder = _model_at(kind, where[:-1])
        known = sorted(holder.model_fields) if holder else []
        near = nearest(where[-1], known) or f"; known here: {', '.join(known)}"
        return f"unknown key '{key}'{near}"
    if problem == "missing":
        return f"'{key}' is missing"
    holder = _model_at(kind, where)
    if problem == "value_error" and holder is not None:
        return rename_fields(
            message, holder, lambda name: f"'{'.'.join([*within, *where, name])}'"
        )
    return f"'{key}': {message[0].lower()}{message[1:]}"


def _model_at(kind: type[Settings], keys: list[str]) -> type[Settings] | None:
    """Return the settings class at a path of keys; None where there is a value."""
    inner: Any = kind
    for key in keys:
        inner = inner.model_fields[key].annotation
        inner = get_args(inner)[0] if get_args(inner) else inner
    return inner if isinstance(inner, type) and issubclass(inner, Settings) else None
