"""`featx.toml`: the settings that hold in a folder where the command line says nothing.

It has a table for each settings class, with the keys of a recipe. Where an option may
be repeated, a key takes a list of values too.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from featx.datasets.settings import DatasetSettings
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import RecipeError, nearest
from featx.export.settings import ExportSettings
from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.networks.settings import NetworkSettings
from featx.pipeline.toml_file import describe_error, read_toml
from featx.predict.settings import OutputSettings
from featx.runs.settings import ReportSettings
from featx.settings import Settings, cli_options

PROJECT_FILE = "featx.toml"

TABLES: Mapping[str, type[Settings]] = MappingProxyType(
    {
        "data": DataSettings,
        "extract": ExtractSettings,
        "cache": CacheSettings,
        "head": HeadSettings,
        "network": NetworkSettings,
        "finetune": FinetuneSettings,
        "report": ReportSettings,
        "predict": OutputSettings,
        "export": ExportSettings,
        "dataset": DatasetSettings,
    }
)
"""The tables of `featx.toml`; the last is that of `featx data`."""

DEFAULT = "default"


@dataclass(frozen=True)
class Holding:
    """What holds for a setting where the command line says nothing.

    Attributes
    ----------
    name : str
        Table and key, such as ``head.folds``.
    option : str
        On the command line; empty where there is none.
    value : object
        None where none is needed; `meaning` says what that stands for.
    meaning : str
        The value in words.
    source : str
        ``default``, or file and line.
    """

    name: str
    option: str
    value: Any
    meaning: str
    source: str


@dataclass(frozen=True)
class Project:
    """What `featx.toml` states.

    Attributes
    ----------
    path : Path
        The file, which need not exist.
    tables : mapping
        The values by table and key; those of repeatable options are lists.
    text : str
        The file's own.
    """

    path: Path
    tables: Mapping[str, Mapping[str, Any]]
    text: str

    @cached_property
    def lines(self) -> Mapping[tuple[str, ...], int]:
        """The number of the line on which a table or key begins, by its path."""
        return _lines(self.text)

    def values(self, kind: type[Settings]) -> dict[str, Any]:
        """Return what is stated for a settings class; empty for one without a table."""
        names = [name for name, known in TABLES.items() if known is kind]
        return dict(self.tables.get(names[0], {})) if names else {}

    def where(self, *keys: str) -> str:
        """Return the file, and the line where it states something."""
        known = [keys[:n] for n in range(len(keys), 0, -1) if keys[:n] in self.lines]
        return f"{self.path}:{self.lines[known[0]]}" if known else str(self.path)


def read_project(folder: Path = Path()) -> Project:
    """Read and check a folder's `featx.toml`; where there is none, it states nothing.

    Raises
    ------
    RecipeError
        The file is not TOML, or a key or value is not allowed; the message names the
        line and the nearest right key.
    """
    path = folder / PROJECT_FILE
    if not os.path.lexists(path):  # a link to nothing is an error
        return Project(path, {}, "")
    content, text = read_toml(path)
    if isinstance(content.get("data"), str):
        content["data"] = {"path": content["data"]}
    project = Project(path, content, text)
    tables = {name: _checked(project, name, content[name]) for name in content}
    return Project(path, tables, text)


def stated_values(kind: type[Settings]) -> dict[str, Any]:
    """Return what `featx.toml` in the working folder states for a settings class.

    Raises
    ------
    RecipeError
        As `read_project` raises it.
    """
    return read_project().values(kind)


def combinations(
    kind: type[Settings], stated: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield what `Settings.merged` returns, for each combination of repeated values.

    Parameters
    ----------
    stated, given : mapping from str
        By the names of the fields; the value of a repeatable option is a sequence.
    """
    options = cli_options(kind)
    names = [
        name
        for name in options
        if options[name].repeatable and (name in stated or name in given)
    ]
    for chosen in product(*(given.get(name) or stated[name] for name in names)):
        one = dict(zip(names, chosen, strict=True))
        yield kind.merged(
            {key: one.get(key, value) for key, value in stated.items()},
            {key: one.get(key, value) for key, value in given.items()},
        )


def holdings(project: Project) -> Iterator[Holding]:
    """Yield what holds for every setting, by table."""
    for name, kind in TABLES.items():
        stated = project.values(kind)
        single = {k: v for k, v in stated.items() if not isinstance(v, list)}
        origins = {
            meant: key
            for key, value in single.items()
            for meant in kind.spelled_out({key: value})
        }
        fields = kind.model_fields
        # What stands for other settings is shown as it was given.
        short = {key: single[key] for key in single if fields[key].exclude}
        values = {**stated, **kind.spelled_out(single), **short}
        for key in fields:
            origin = origins.get(key, key)
            source = project.where(name, origin) if key in values else DEFAULT
            yield _holding(kind, name, key, values, source)


def _holding(
    kind: type[Settings], table: str, key: str, values: Mapping[str, Any], source: str
) -> Holding:
    field, option = kind.model_fields[key], cli_options(kind).get(key)
    default = field.get_default(call_default_factory=True)
    none_means = (option.none_means if option else None) or "none"
    if field.is_required():
        default = option.default if option else None
        none_means = "to be given"
    value = values.get(key, default)
    meaning = none_means if value in (None, {}) else _in_words(value)
    name = f"--{option.name}" if option else ""
    return Holding(f"{table}.{key}", name, value, meaning, source)


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _checked(project: Project, name: str, table: Any) -> dict[str, Any]:
    """Check a table, and return it with a list for each repeatable option."""
    kind = TABLES.get(name)
    if kind is None:
        near = nearest(name, TABLES) or f"; known here: {', '.join(TABLES)}"
        raise RecipeError(f"{project.where(name)}: unknown key '{name}'{near}")
    if not isinstance(table, dict):
        raise RecipeError(
            f"{project.where(name)}: '{name}' is not a table; write [{name}] and its"
            " keys below"
        )
    values = _with_lists(kind, table)
    for key, value in values.items():
        if value == []:
            raise RecipeError(
                f"{project.where(name, key)}: '{name}.{key}': the list is empty"
            )
    for one in combinations(kind, values, {}):
        _check(project, kind, name, one)
    return values


def _with_lists(kind: type[Settings], table: Mapping[str, Any]) -> dict[str, Any]:
    repeated = {name for name, one in cli_options(kind).items() if one.repeatable}
    return {
        key: [value] if key in repeated and not isinstance(value, list) else value
        for key, value in table.items()
    }


def _check(
    project: Project, kind: type[Settings], name: str, values: Mapping[str, Any]
) -> None:
    """Check values; those that are missing may be given on the command line."""
    try:
        kind.model_validate(values)
    except ValidationError as error:
        if {one["type"] for one in error.errors()} == {"missing"}:
            return
        first = describe_error(kind, error, [name])
        keys = next(
            (one["loc"] for one in error.errors() if one["type"] != "missing"), ()
        )
        where = project.where(name, *map(str, keys))
        raise RecipeError(f"{where}: {first}") from None


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Return where each table and key begins, counted from 1.

    A statement ends where it is TOML by itself.
    """
    found: dict[tuple[str, ...], int] = {}
    table, statement, start = "", "", 1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        statement += f"{line}\n"
        if is_table := statement.lstrip().startswith("["):
            table = ""
        try:
            content = tomllib.loads(table + statement)
        except tomllib.TOMLDecodeError:
            continue
        for keys in _paths(content):
            found.setdefault(keys, start)
        table = statement if is_table else table
        statement, start = "", number + 1
    return found


_DEEP = 4
"""How many keys of a path matter: no setting is deeper."""


def _paths(content: Any, above: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(content, dict) and len(above) < _DEEP:
        for key, value in content.items():
            yield (*above, key)
            yield from _paths(value, (*above, key))
