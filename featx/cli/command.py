"""Commands whose options are made from the fields of settings classes."""

import logging
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource, augment_usage_errors

from featx.cli.completion import Completer
from featx.cli.field_option import make_option, value_of
from featx.cli.output import OUTPUT_OPTIONS
from featx.cli.terminal import LOGGER, log

if TYPE_CHECKING:
    from featx.pipeline.project import Project
    from featx.settings import CliOption, Settings

S = TypeVar("S", bound="Settings")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Next:
    """A command that suits the result of another one, which returns it.

    Attributes
    ----------
    command : str
        Without ``featx``.
    words : tuple of str
        Its arguments and options, but for those that the other command was given too.
    """

    command: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingsOptions:
    """Options made from a settings class; the command gets settings made from them.

    Decorates the function of a `SettingsCommand`, as `click.option` does. A settings
    class with repeatable options gives a list: one settings object for each
    combination of their values.

    Attributes
    ----------
    argument : str
        The command's parameter that gets the settings.
    source : str or type of Settings
        The settings class, or where to import it from when it is needed
        (``module:name``): `featx --help` needs none, and importing pydantic would take
        longer than all else that it does.
    without : collection of str
        Fields for which this command has no option.
    optional : bool
        Whether required options may be left out; the list is empty then.
    carried : bool
        Whether the command that comes next gets the values that were typed.
    helps : Mapping
        Descriptions of fields that this command uses in a way of its own.
    completers : Mapping
        How a shell completes fields whose values depend on the rest of the command.
    """

    argument: str
    source: "str | type[Settings]"
    without: frozenset[str] = frozenset()
    optional: bool = False
    carried: bool = False
    helps: Mapping[str, str] = field(default_factory=dict)
    completers: Mapping[str, Completer] = field(default_factory=dict)

    def __call__(self, function: F) -> F:
        """Add the options to those of a command's function."""
        vars(function).setdefault("__click_params__", []).append(self)
        return function

    @property
    def kind(self) -> "type[Settings]":
        """The settings class."""
        if isinstance(self.source, str):
            return resolve_name(self.source)  # type: ignore[no-any-return]
        return self.source

    @property
    def options(self) -> "dict[str, CliOption]":
        """The options, by the names of their fields."""
        from featx.settings import cli_options

        options = cli_options(self.kind)
        return {name: options[name] for name in options if name not in self.without}

    def parameters(self) -> Iterator[click.Parameter]:
        """Yield click's options, in the order of the fields."""
        for name, option in self.options.items():
            info = self.kind.model_fields[name]
            yield make_option(
                info,
                option,
                text=self.helps.get(name, info.description or ""),
                is_optional=self.optional,
                completer=self.completers.get(name),
            )

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the fields whose options were given."""
        return {
            name: value_of(self.kind.model_fields[name], option, given[option.name])
            for name, option in self.options.items()
            if option.name in given
        }

    def make(self, given: Mapping[str, Any], project: Callable[[], "Project"]) -> Any:
        """Make the settings from the options that were given, by parameter name.

        `featx.toml` says what holds where they don't, and else their defaults.

        Parameters
        ----------
        given : mapping from str
        project : callable
            Returns what `featx.toml` states; not called where that doesn't matter.

        Raises
        ------
        click.UsageError
            A value is not allowed.
        RecipeError
            `featx.toml` has an unknown key or a value that is not allowed.
        """
        from featx.pipeline.project import combinations

        fields, options = self.kind.model_fields, self.options
        values = self.values(given)
        stated = self.stated(values, project)
        if not any(option.repeatable for option in options.values()):
            return make_settings(self.kind, self.kind.merged(stated, values))
        for name, option in options.items():
            if not fields[name].is_required() or name in {**stated, **values}:
                continue
            if self.optional:
                self._refuse_alone(values, option)
                return []
            if option.default is None:
                raise click.UsageError(f"Missing option '--{option.name}'.")
            stated[name] = [option.default]
        made: list[Any] = []
        for one in combinations(self.kind, stated, values):
            settings = make_settings(self.kind, one)
            made += [settings] if settings not in made else []
        return made

    def stated(
        self,
        given: Mapping[str, Any],  # noqa: ARG002
        project: Callable[[], "Project"],
    ) -> dict[str, Any]:
        """Return what `featx.toml` states, where these values are given."""
        return project().values(self.kind)

    def _refuse_alone(self, values: Mapping[str, Any], missing: "CliOption") -> None:
        """Refuse options that have no effect because another one is missing."""
        for name, value in values.items():
            if value != self.kind.model_fields[name].default:
                raise click.UsageError(
                    f"--{self.options[name].name} needs --{missing.name}"
                )


class SettingsCommand(click.Command):
    """A command with options made from settings classes, and plain ones.

    Parameters
    ----------
    params : sequence of SettingsOptions or click.Parameter
        In the order of the help. An option that several settings classes have is
        one, and sets all of them.
    """

    def __init__(
        self,
        *args: Any,
        params: "Sequence[SettingsOptions | click.Parameter]" = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.parts = params

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, made when they are needed for the first time."""
        if not self.params:
            made: dict[str, click.Parameter] = {}
            for part in (*self.parts, *OUTPUT_OPTIONS):
                if isinstance(part, click.Parameter):
                    _add(made, part)
                else:
                    for one in part.parameters():
                        _add(made, one)
            self.params = list(made.values())
        return super().get_params(ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command with the settings instead of their options.

        It returns what comes next, or None.
        """
        given = _values_from(ctx, set(ParameterSource) - {ParameterSource.DEFAULT})
        typed = _values_from(ctx, {ParameterSource.COMMANDLINE})
        arguments = {}
        project = cache(_read_project)
        with augment_usage_errors(ctx):
            for part in self.parts:
                if isinstance(part, SettingsOptions):
                    arguments[part.argument] = part.make(given, project)
                elif part.name in ctx.params:
                    arguments[part.name] = ctx.params[part.name]
        ctx.params = arguments
        _log_call(ctx, arguments)
        following: Next | None = super().invoke(ctx)
        if following is not None:
            log(f"next: {self._command_line(ctx, following, typed)}")

    @property
    def carried(self) -> "list[tuple[str | type[Settings], str]]":
        """Options whose typed values the next command gets too, with their classes."""
        return [
            (part.source, option.name)
            for part in self.parts
            if isinstance(part, SettingsOptions) and part.carried
            for option in part.options.values()
        ]

    def _command_line(
        self, ctx: click.Context, following: Next, typed: Mapping[str, Any]
    ) -> str:
        """Return the command that comes next, with what was typed for this one."""
        command: Any = ctx.find_root().command
        for name in following.command.split():
            command = command.commands[name]
        words = ["featx", *following.command.split(), *following.words]
        for source, option in command.carried:
            is_shared = (source, option) in self.carried and option in typed
            if is_shared and f"--{option}" not in words:
                # DATA alone is an argument, and the first of the settings.
                words += [] if option == "data" else [f"--{option}"]
                words.append(str(typed[option]))
        return shlex.join(words)


class OrderedGroup(click.Group):
    """A group that lists its commands in the order in which they were added."""

    command_class = SettingsCommand

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands."""
        return list(self.commands)


def make_settings(kind: type[S], values: Mapping[str, Any]) -> S:
    """Make settings; a value that is not allowed is wrong usage.

    Raises
    ------
    click.UsageError
        The message names options where the settings class names fields.
    """
    from pydantic import ValidationError

    from featx.settings import cli_options, first_error, rename_fields

    options = cli_options(kind)

    def option(name: str) -> str:
        return f"--{options[name].name}" if name in options else f"`{name}`"

    try:
        return kind(**values)
    except ValidationError as error:
        keys, _, message = first_error(error)
        message = rename_fields(message, kind, option)
        if keys:
            message = f"Invalid value for '{option(keys[0])}': {message}"
        raise click.UsageError(message) from None


def _read_project() -> "Project":
    from featx.pipeline.project import read_project

    return read_project()


def _values_from(
    ctx: click.Context, sources: Collection[ParameterSource]
) -> dict[str, Any]:
    """Return the values that were given in one of these ways, by option name."""
    return {
        name.replace("_", "-"): value
        for name, value in ctx.params.items()
        if ctx.get_parameter_source(name) in sources
    }


def _log_call(ctx: click.Context, arguments: Mapping[str, Any]) -> None:
    """Log a command, where it runs, and the settings that it goes by."""
    if not LOGGER.isEnabledFor(logging.DEBUG):
        return
    from importlib.metadata import version

    command = ctx.command_path.removeprefix(ctx.find_root().command_path)
    details = [f"featx{command}, version {version('featx')}, in {Path.cwd()}"]
    for name, value in arguments.items():
        for one in value if isinstance(value, list) else [value]:
            shown = one
            if hasattr(one, "model_dump"):
                fields = one.model_dump().items()
                shown = ", ".join(f"{k}={v}" for k, v in fields if v is not None)
            details.append(f"{name}: {shown}")
    log(*details, level=logging.DEBUG)


def _add(made: dict[str, click.Parameter], one: click.Parameter) -> None:
    """Add a parameter; to one of the same name add the description only."""
    assert one.name is not None
    before = made.setdefault(one.name, one)
    if before is not one and isinstance(before, click.Option):
        assert isinstance(one, click.Option)
        before.help = f"{before.help} {one.help}"
