"""An option of click made from a field of a settings class."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from click.types import OptionHelpExtra

from featx.addresses import Address
from featx.cli.completion import Completer, complete_names
from featx.errors import SettingsError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from featx.settings import CliOption

PATH = click.Path(path_type=Path)


class AddressType(click.Path):
    """A path, or an address like ``s3://bucket/photos``."""

    def convert(self, value: Any, *_: Any) -> Any:
        """Return a `Path` or a `UPath`."""
        from featx.addresses import as_address

        return as_address(value)


ADDRESS = AddressType()


class PlainOption(click.Option):
    """An option whose default is shown without brackets, a value or words alike."""

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return the facts behind the help text."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


class NeededOption(PlainOption):
    """An option that is needed, unless `featx.toml` states its value."""

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return the facts behind the help text."""
        return {**super().get_help_extra(ctx), "required": "required"}


def make_option(
    info: "FieldInfo",
    option: "CliOption",
    *,
    text: str,
    is_optional: bool,
    completer: Completer | None,
) -> click.Option:
    """Make click's option from a field."""
    kind = str if option.pairs else _kind(info)
    several = option.repeatable or option.pairs
    flags = f"--{option.name}"
    if kind is bool:
        flags += f"/--no-{option.name}"
    is_needed = info.is_required() and not is_optional
    default = None
    if not option.pairs and (is_needed or not info.is_required()):
        default = _default(info, option)
    return (NeededOption if is_needed and default is None else PlainOption)(
        [option.name.replace("-", "_"), flags],
        type=str if option.pairs else _click_type(info),
        default=default,
        show_default=option.none_means or default is not None,
        multiple=several,
        metavar=option.metavar or {int: "INTEGER", float: "FLOAT"}.get(kind),
        shell_complete=completer or _completer(option),
        help=f"{text} Can be repeated." if several else text,
    )


def _completer(option: "CliOption") -> Completer | None:
    if option.names is None:
        return None
    return complete_names(option.names, paths=option.is_path)


def _default(info: "FieldInfo", option: "CliOption") -> Any:
    """Return what an option has where neither user nor `featx.toml` gives a value."""
    default = option.default if info.is_required() else info.default
    if default is None and _has_none(info):
        return "none"
    return (default,) if option.repeatable and default is not None else default


def _kind(info: "FieldInfo") -> Any:
    """Return a field's type, without the None of an optional one."""
    kinds = [k for k in get_args(info.annotation) if k is not type(None)]
    is_optional = type(None) in get_args(info.annotation)
    return kinds[0] if is_optional else info.annotation


def _has_none(info: "FieldInfo") -> bool:
    """Return whether None is one of a field's choices; an option calls it none."""
    return _kind(info) is not info.annotation and get_origin(_kind(info)) is Literal


def value_of(info: "FieldInfo", option: "CliOption", value: Any) -> Any:
    """Return a field's value from that of its option.

    Raises
    ------
    click.UsageError
        It is no NAME=VALUE where one is needed.
    """
    if option.pairs:
        from featx.settings import read_pairs

        try:
            return read_pairs(value)
        except SettingsError as error:
            raise click.UsageError(f"--{option.name} {error}") from None
    return None if value == "none" and _has_none(info) else value


def _click_type(info: "FieldInfo") -> Any:
    """Return click's type of a field: choices, ranges, paths or the type itself."""
    kind = _kind(info)
    if get_origin(kind) is Literal:
        return click.Choice([*(["none"] if _has_none(info) else []), *get_args(kind)])
    if kind is Path:
        return PATH
    if kind is Address:
        return ADDRESS
    bounds = _bounds(info)
    if bounds and kind is int:
        return click.IntRange(**bounds)
    return click.FloatRange(**bounds) if bounds else kind


def _bounds(info: "FieldInfo") -> dict[str, Any]:
    """Return the bounds of a field as click's ranges take them."""
    bounds: dict[str, Any] = {}
    for one in info.metadata:
        for name, end in (("ge", "min"), ("gt", "min"), ("le", "max"), ("lt", "max")):
            if hasattr(one, name):
                is_open = name in ("gt", "lt")
                bounds |= {end: getattr(one, name), f"{end}_open": is_open}
    return bounds
