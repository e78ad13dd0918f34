"""Directives that fill the reference pages from the code, so that both agree.

``{heads}``, ``{networks}`` and ``{backbones}`` are tables of all there are, made from
featx's own tables. ``{api} functions``, ``{api} classes`` and ``{api} errors`` document
the public names of that kind, those in ``featx.__all__``. ``{recipe-keys}`` is a table
for each section of a recipe, made from the settings classes, and ``{settings-keys}``
one for each table of `featx.toml`.

Docstrings of the API and options of the command line are changed where Sphinx would
show them badly; see `setup`.
"""

import builtins
import inspect
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from docutils import nodes
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import stringify_annotation

import featx
from featx.embeddings.backbones.table import BACKBONES
from featx.heads.table import HEADS, OF_ALL_HEADS, default_parameters
from featx.networks.table import NETWORKS
from featx.pipeline.project import TABLES
from featx.pipeline.recipe import Recipe
from featx.settings import CliOption, Settings, cli_options

Rows = Iterable[tuple[str, ...]]


class _Generated(SphinxDirective):
    """A directive whose content is reStructuredText that it writes itself."""

    def lines(self) -> list[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        # Markdown's parser would read these lines as Markdown, so reStructuredText is
        # asked for by name.
        text = "\n".join(["```{eval-rst}", *self.lines(), "```"])
        return self.parse_text_to_nodes(text)


class Heads(_Generated):
    """Table of heads."""

    def lines(self) -> list[str]:
        rows = (
            (
                f"`{row.name}`",
                "yes" if row.quick else "",
                row.summary,
                ", ".join(
                    f"`{name}={value}`"
                    for name, value in default_parameters(row).items()
                    if name not in OF_ALL_HEADS
                ),
            )
            for row in HEADS.values()
        )
        return _table(("head", "quick", "what it is", "parameters"), rows)


class Networks(_Generated):
    """Table of the networks that are trained from scratch."""

    def lines(self) -> list[str]:
        rows = (
            (f"`{row.name}`", row.summary, str(row.image_size))
            for row in NETWORKS.values()
        )
        return _table(("network", "what it is", "pixels"), rows)


class Backbones(_Generated):
    """Table of backbones."""

    def lines(self) -> list[str]:
        rows = (
            (
                f"`{row.name}`",
                f"{row.top1:.1f}",
                row.speed,
                str(row.image_size),
                str(row.features),
                f"{row.parameters:.1f}",
            )
            for row in BACKBONES.values()
        )
        columns = ("backbone", "ImageNet top-1 (%)", "speed", "pixels", "features")
        return _table((*columns, "million parameters"), rows)


class RecipeKeys(_Generated):
    """The keys of a recipe, section by section."""

    def lines(self) -> list[str]:
        lines = []
        for name, section in Recipe.model_fields.items():
            kind, repeated = _settings_of(section.annotation)
            lines += _keys(f"[[{name}]]" if repeated else f"[{name}]", kind)
        return lines


class SettingsKeys(_Generated):
    """The keys of `featx.toml`, table by table."""

    def lines(self) -> list[str]:
        return [
            line for name, kind in TABLES.items() for line in _keys(f"[{name}]", kind)
        ]


def _keys(header: str, kind: type[BaseModel]) -> list[str]:
    """Return a table of the keys of a settings class, below their header."""
    return [f"**{header}** {_summary(kind)}", "", *_fields(kind)]


def _fields(
    kind: type[BaseModel], named: str = "key", literal: Callable[..., str] = json.dumps
) -> list[str]:
    """Return a table of the fields of a settings class."""
    options = cli_options(kind) if issubclass(kind, Settings) else {}
    rows = (
        (f"`{key}`", _default(field, options.get(key), literal), _meaning(field))
        for key, field in kind.model_fields.items()
    )
    return _table((named, "default", "meaning"), rows)


def _doc(value: object) -> str:
    return inspect.getdoc(value) or ""


def _summary(value: object) -> str:
    """Return the first paragraph of a docstring, in one line."""
    return _one_line(_doc(value).split("\n\n")[0])


def _settings_of(annotation: Any) -> tuple[type[BaseModel], bool]:
    """Return the settings class of a section, and whether the section may repeat."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation, False
    inner = next(kind for kind in get_args(annotation) if kind is not type(None))
    return inner, get_origin(annotation) is list


def _default(
    field: FieldInfo, option: CliOption | None, literal: Callable[..., str]
) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ({}, []):
        return (option.none_means if option else None) or "none"
    return f"`{literal(str(value) if isinstance(value, Path) else value)}`"


def _meaning(field: FieldInfo) -> str:
    """Return a field's description, and its values where there are a few."""
    meaning = _one_line(field.description)
    kinds = (field.annotation, *get_args(field.annotation))
    choices = [
        value
        for kind in kinds
        if get_origin(kind) is Literal
        for value in get_args(kind)
    ]
    if len(choices) < 2:
        return meaning
    return f"{meaning} One of {', '.join(f'`{choice}`' for choice in choices)}."


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


class Api(_Generated):
    """The public names of one kind, with their docstrings."""

    required_arguments = 1

    def lines(self) -> list[str]:
        wanted, directive = _KINDS[self.arguments[0]]
        names = [name for name in featx.__all__ if wanted(getattr(featx, name))]
        return [line for name in names for line in directive(name)]


def _is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def _is_class(value: object) -> bool:
    return inspect.isclass(value) and not _is_error(value)


def _function(name: str) -> list[str]:
    return [f".. autofunction:: featx.{name}", ""]


def _class(name: str) -> list[str]:
    value = getattr(featx, name)
    if not issubclass(value, Settings):
        return [f".. autoclass:: featx.{name}", "   :members:", ""]
    indented = [f"   {line}" for line in _fields(value, "field", repr)]
    return [f".. autoclass:: featx.{name}", "", *indented, ""]


def _error(name: str) -> list[str]:
    return [f".. autoexception:: featx.{name}", "   :show-inheritance:", ""]


def _is_module(value: object) -> bool:
    return inspect.ismodule(value)


def _module(name: str) -> list[str]:
    """List the functions of a module that is a public name."""
    module = getattr(featx, name)
    lines = [f".. py:data:: {name}", "", f"   {_summary(module)}", ""]
    for function in module.__all__:
        lines += [f".. autofunction:: featx.{name}.{function}", ""]
    return lines


_KINDS: dict[str, tuple[Callable[[object], bool], Callable[[str], list[str]]]] = {
    "functions": (inspect.isfunction, _function),
    "classes": (_is_class, _class),
    "errors": (_is_error, _error),
    "modules": (_is_module, _module),
}


def _table(head: tuple[str, ...], rows: Rows) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *rows):
        marks = ["   * -", *["     -"] * (len(row) - 1)]
        lines += [f"{mark} {cell}" for mark, cell in zip(marks, row, strict=True)]
    return [*lines, ""]


def _keep_colons(
    _app: Sphinx, what: str, _name: str, _value: object, _options: Any, lines: list[str]
) -> None:
    """Begin the docstring of a property or attribute with an empty comment.

    Napoleon takes what stands before a colon in its first line for a type.
    """
    if what in {"attribute", "property"}:
        lines[:0] = ["..", ""]


_BARE_RAISES = re.compile(r":raises ([\w, ]+):")
_GROUP = re.compile(r":(ivar|vartype) (\w+(?:, \w+)+):(.*)")


def _spell_out(
    _app: Sphinx,
    _what: str,
    _name: str,
    _value: object,
    _options: Any,
    lines: list[str],
) -> None:
    """Give what a docstring names in a group, or without a description, a line each."""
    lines[:] = [each for line in lines for each in _spelled_out(line)]


def _spelled_out(line: str) -> list[str]:
    if bare := _BARE_RAISES.fullmatch(line):
        return [f":raises {name}: {_of_error(name)}" for name in bare[1].split(", ")]
    if group := _GROUP.fullmatch(line):
        kind, names, rest = group.groups()
        return [f":{kind} {name}:{rest}" for name in names.split(", ")]
    return [line]


def _of_error(name: str) -> str:
    """Return what an error's own docstring says."""
    return _summary(getattr(featx, name, None) or getattr(builtins, name))


def _change_signature(
    _app: Sphinx,
    what: str,
    _name: str,
    value: Any,
    _options: Any,
    signature: str | None,
    _returned: str | None,
) -> tuple[str, str | None] | None:
    """Say what a function returns, and hide how classes that featx makes are called."""
    if what in {"function", "method"} and signature:
        return signature, _returned_by(value)
    if what == "class" and signature and "Parameters\n---" not in _doc(value):
        return "", None
    return None


def _returned_by(function: Callable[..., Any]) -> str | None:
    """Return the annotation of what a function returns, without its modules."""
    returned = inspect.signature(function).return_annotation
    if returned in {None, inspect.Signature.empty}:
        return None
    short = re.sub(r"[\w.]+\.(?=\w)", "", stringify_annotation(returned))
    return re.sub(r"ndarray\[.*?\]\]", "ndarray", short)


def _reword(_app: Sphinx, document: nodes.document) -> None:
    """Set a dash after the name of a field, and call attributes what they are."""
    for fields in document.findall(nodes.field_list):
        for text in list(fields.findall(nodes.Text)):
            new = re.sub(r"^ -- ", " – ", re.sub(r"^Variables$", "Attributes", text))
            if new != text:
                text.parent.replace(text, nodes.Text(new))


def _show_as_help_does(_app: Sphinx, ctx: click.Context, lines: list[str]) -> None:
    """Write an option's value and default as its help does, not as Python does."""
    options = (each for each in ctx.command.params if isinstance(each, click.Option))
    option = None
    # The values to choose from stand twice.
    lines[:] = [line for line in lines if ":options:" not in line]
    for at, line in enumerate(lines):
        if line.startswith(".. option::"):
            option = next(options)
            lines[at] = re.sub("<.*>", f"<{_value(option, ctx)}>", line)
        elif option and ":default:" in line:
            default = option.get_help_extra(ctx)["default"]
            # Several words say what holds without the option.
            shown = default if " " in default else f"``{default}``"
            lines[at] = re.sub("``.*``", shown, line)


def _value(option: click.Option, ctx: click.Context) -> str:
    """Return what stands for an option's value in its help, without outer brackets."""
    value = option.make_metavar(ctx)
    return value[1:-1] if value.startswith("[") else value


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives, and what changes docstrings, with Sphinx."""
    directives = {
        "heads": Heads,
        "networks": Networks,
        "backbones": Backbones,
        "recipe-keys": RecipeKeys,
        "settings-keys": SettingsKeys,
        "api": Api,
    }
    for name, directive in directives.items():
        app.add_directive(name, directive)
    # Napoleon has the priority 500.
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)
    app.connect("autodoc-process-docstring", _spell_out, priority=600)
    app.connect("autodoc-process-signature", _change_signature)
    app.connect("sphinx-click-process-options", _show_as_help_does)
    app.connect("doctree-read", _reword)
    return {"parallel_read_safe": True}
