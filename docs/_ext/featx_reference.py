"""Directives that fill the reference pages from the code, so that both agree.

``{heads}``, ``{networks}`` and ``{backbones}`` are tables of all there are, made from
featx's own tables. ``{api} functions``, ``{api} classes`` and ``{api} errors`` document
the public names of that kind, those in ``featx.__all__``. ``{recipe-keys}`` is a table
for each section of a recipe, made from the settings classes, and ``{settings-keys}``
one for each table of `featx.toml`.
"""

import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any, get_args, get_origin

from docutils import nodes
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import featx
from featx.embeddings.backbones.table import BACKBONES
from featx.heads.table import HEADS
from featx.networks.table import NETWORKS
from featx.pipeline.project import TABLES
from featx.pipeline.recipe import Recipe

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
            (f"`{row.name}`", "yes" if row.quick else "", row.summary)
            for row in HEADS.values()
        )
        return _table(("head", "quick", "what it is"), rows)


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
    """Return a table of the keys of a settings class."""
    rows = (
        (f"`{key}`", _default(field), _one_line(field.description))
        for key, field in kind.model_fields.items()
    )
    summary = _one_line(inspect.getdoc(kind).split("\n\n")[0])
    table = _table(("key", "default", "meaning"), rows)
    return [f"**{header}** {summary}", "", *table]


def _settings_of(annotation: Any) -> tuple[type[BaseModel], bool]:
    """Return the settings class of a section, and whether the section may repeat."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation, False
    inner = next(kind for kind in get_args(annotation) if kind is not type(None))
    return inner, get_origin(annotation) is list


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ({}, []):
        return ""
    return f"`{json.dumps(value, default=str)}`"


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
    return [f".. autoclass:: featx.{name}", "   :members:", ""]


def _error(name: str) -> list[str]:
    return [f".. autoexception:: featx.{name}", "   :show-inheritance:", ""]


def _is_module(value: object) -> bool:
    return inspect.ismodule(value)


def _module(name: str) -> list[str]:
    """List the functions of a module that is a public name."""
    module = getattr(featx, name)
    first = inspect.getdoc(module).splitlines()[0]
    lines = [f".. py:data:: {name}", "", f"   {first}", ""]
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


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives with Sphinx."""
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
    return {"parallel_read_safe": True}
