"""The base of all settings: validated, frozen, and each setting stated once.

A field of a settings class holds all there is to a setting: type, default, bounds and,
as a `CliOption`, how it looks on the command line; the docstring below it describes it.
The options of the command line, the keys of recipes, the JSON schema and the help texts
are made from these.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from inspect import get_annotations
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from featx.errors import FeatxError, SettingsError, nearest


class Settings(BaseModel):
    """Settings that refuse unknown keys.

    The docstring of a subclass describes what its settings are about. Where an error
    message names a field, the name stands in backticks: the command line shows its
    option and a recipe its key instead.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false as numbers, which pydantic takes for 1 and 0."""
        kind = cls.model_fields[str(info.field_name)].annotation
        kinds = {kind, *get_args(kind)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("Input should be a number, not true or false")
        return value

    @field_validator("*")
    @classmethod
    def _can_be_a_path(cls, value: Any) -> Any:
        """Refuse paths that no system call takes."""
        if isinstance(value, Path) and "\0" in str(value):
            raise ValueError("no path can hold the character NUL")
        return value

    @classmethod
    def spelled_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in which each that stands for others is replaced by these."""
        return dict(values)

    @classmethod
    def merged(
        cls, stated: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the values that hold where the user gives some and a file states some.

        Parameters
        ----------
        stated, given : mapping from str
            By the names of the fields; those that are given win.
        """
        rest = {name: stated[name] for name in stated if name not in given}
        return {**cls.spelled_out(rest), **cls.spelled_out(given)}


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class CliOption:
    """How a field looks on the command line; annotate the field's type with it.

    Attributes
    ----------
    name : str
        The option's name without its dashes; the field's own by default.
    metavar : str, optional
        What stands for the value in help texts.
    none_means : str, optional
        What a default of None stands for, in a few words.
    repeatable : bool
        Whether the option may be given several times, each time for another settings
        object.
    exists : bool
        False for a setting that has no option, only a key in files.
    default : str, optional
        What the command line takes where the field has no default. Recipes name it:
        they don't change with it.
    names : callable, optional
        Returns names that the value may have, for completion in a shell.
    is_path : bool
        Whether the value may be a path as well as one of the names.
    pairs : bool
        Whether the field is a mapping, and the option one NAME=VALUE of it; it may be
        given several times.
    """

    name: str = ""
    metavar: str | None = None
    none_means: str | None = None
    repeatable: bool = False
    exists: bool = True
    default: str | None = None
    names: Callable[[], Iterable[str]] | None = None
    is_path: bool = False
    pairs: bool = False


def cli_options(kind: type[Settings]) -> dict[str, CliOption]:
    """Return the option of each field that has one, by the field's name.

    Those that a class states come before those that it inherits.
    """
    options = {}
    own = [name for name in get_annotations(kind) if name in kind.model_fields]
    for name in dict.fromkeys([*own, *kind.model_fields]):
        field = kind.model_fields[name]
        given = [m for m in field.metadata if isinstance(m, CliOption)]
        option = given[0] if given else CliOption()
        if option.exists:
            word = option.name or name.replace("_", "-")
            options[name] = replace(option, name=word)
    return options


def read_pairs(texts: Iterable[str]) -> dict[str, Any]:
    """Return the values of NAME=VALUE texts, by name.

    A value is read as TOML has it: a number, true or false, a quoted string, a list.
    What is none of these is a string.

    Raises
    ------
    SettingsError
        A text has no name or no ``=``, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, mark, value = (part.strip() for part in text.partition("="))
        if not (name and mark):
            raise SettingsError(f"'{text}': write NAME=VALUE, such as max_depth=5")
        if name in found:
            raise SettingsError(f"'{text}': {name} is given twice")
        found[name] = _read_value(value)
    return found


def write_pair(name: str, value: Any) -> str | None:
    """Return NAME=VALUE that `read_pairs` reads as this value; None where none is."""
    texts = [value] if isinstance(value, str) else []
    try:
        texts.append(json.dumps(value, ensure_ascii=False))
    except TypeError:  # nothing that TOML has
        return None
    for text in (f"{name}={one}" for one in texts):
        try:
            (found,) = read_pairs([text]).items()
        except SettingsError:
            return None
        if repr(found) == repr((name, value)):  # 1 is not 1.0
            return text
    return None


def _read_value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    value = found.pop("value")
    is_number = isinstance(value, float) and not isfinite(value)
    if found or is_number or not isinstance(value, (int, float, str, list)):
        return text  # several lines, infinity, a date
    return value


def checked_by(
    check: Callable[[Any], Any], *, before: bool = False
) -> AfterValidator | BeforeValidator:
    """Make a validator of a look-up that raises featx's own errors.

    Parameters
    ----------
    check : callable
        Returns the value to keep; raises `FeatxError` where it is not allowed.
    before : bool
        Whether it takes the value as it was given, not yet of the field's type.
    """

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except FeatxError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(validate) if before else AfterValidator(validate)


def with_values(start: S | type[S], values: Mapping[str, Any], *, function: str) -> S:
    """Return settings with the values that a function was given by name.

    Parameters
    ----------
    start : Settings or a class of them
        Where to start from: these settings, or the defaults of a class.
    values : mapping from str
        By the names of the fields.
    function : str
        The function's name, for the error message.

    Raises
    ------
    SettingsError
        A name is not that of a setting, or a value is not allowed.
    """
    kind, given = (start, {}) if isinstance(start, type) else (type(start), dict(start))
    try:
        return kind.model_validate({**given, **values})
    except ValidationError as error:
        keys, problem, message = first_error(error)
        if problem == "extra_forbidden":
            known = ", ".join(kind.model_fields)
            end = nearest(keys[0], kind.model_fields) or f"; the settings are {known}"
            message = f"no setting '{keys[0]}'{end}"
        elif keys:
            message = f"{keys[0]}: {message[0].lower()}{message[1:]}"
        raise SettingsError(f"{function}: {message}") from None


def chosen_settings(
    given: str | S, kind: type[S], values: Mapping[str, Any], *, function: str
) -> S:
    """Return the settings of what a function was given by name or with its settings.

    The parameters and errors are those of `with_values`; `kind` has a field ``name``.
    """
    if isinstance(given, str):
        return with_values(kind, {"name": given, **values}, function=function)
    return with_values(given, values, function=function)


def rename_fields(
    message: str, kind: type[Settings], name: Callable[[str], str]
) -> str:
    """Replace each field of a settings class that a message names in backticks."""
    return re.sub(
        r"`(\w+)`",
        lambda match: name(match[1]) if match[1] in kind.model_fields else match[0],
        message,
    )


def first_error(error: ValidationError) -> tuple[list[str], str, str]:
    """Return the error to show first: its keys, its type and its message.

    Unknown keys come first: what seems to be missing may only be misspelt. It comes
    last.
    """
    order = {"extra_forbidden": -1, "missing": 1}
    wrong = min(error.errors(), key=lambda one: order.get(one["type"], 0))
    keys = [part for part in wrong["loc"] if isinstance(part, str)]
    message = wrong["msg"].removeprefix("Value error, ")
    if wrong["type"] == "path_type":  # pydantic names Python's class
        message = "Input should be a valid path"
    return keys, wrong["type"], message
