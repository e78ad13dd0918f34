"""Options that several commands share, as decorators of the commands."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from featx.cli.command import SettingsOptions
from featx.cli.completion import complete_folders, complete_layer, complete_runs
from featx.cli.field_option import ADDRESS, PATH
from featx.training.augmentation import AUGMENTATIONS, OPTIONS

if TYPE_CHECKING:
    from featx.pipeline.project import Project


class DataOptions(SettingsOptions):
    """The data: the argument DATA, else what `featx.toml` states."""

    def parameters(self) -> Iterator[click.Parameter]:
        """Yield the argument and the options."""
        argument = self.options["path"].name
        yield click.Argument(
            [argument], required=False, type=ADDRESS, shell_complete=complete_folders
        )
        yield from (one for one in super().parameters() if one.name != argument)

    def stated(
        self, given: Mapping[str, Any], project: Callable[[], "Project"]
    ) -> dict[str, Any]:
        """Return what is stated on the data; nothing where others are named."""
        return {} if "path" in given else super().stated(given, project)


class HeadOptions(SettingsOptions):
    """Which heads to fit; hidden layers are for those that can have some."""

    def make(self, given: Mapping[str, Any], project: Callable[[], "Project"]) -> Any:
        """Make one settings object for each head."""
        from featx.heads.settings import HeadSettings

        heads = HeadSettings.sharing(super().make(given, project))
        if "hidden" in given and not any(head.hidden for head in heads):
            from featx.heads.table import HEADS

            deep = [row.name for row in HEADS.values() if row.hidden]
            raise click.UsageError(f"--hidden needs --head {' or '.join(deep)}")
        return heads


DATA = "featx.images.layouts.options:DataSettings"
EXTRACT = "featx.embeddings.settings:ExtractSettings"
_CACHE = "featx.embeddings.settings:CacheSettings"
_SPLIT = frozenset({"test_size", "seed"})

data = DataOptions("data", DATA, carried=True)
data_without_split = DataOptions("data", DATA, without=_SPLIT, carried=True)

_LAYER = {"layer": complete_layer}

extract = SettingsOptions("extract", EXTRACT, completers=_LAYER)
optional_extract = SettingsOptions("extract", EXTRACT, optional=True, completers=_LAYER)

_HOW = frozenset({"engine", "decoders", "decode_in"})
"""What has an effect where many embeddings are computed."""

cache = SettingsOptions("cache", _CACHE, carried=True)
cache_and_batch = SettingsOptions("cache", _CACHE, without=_HOW, carried=True)
cache_dir = SettingsOptions(
    "cache", _CACHE, without=_HOW | {"batch_size"}, carried=True
)

report = SettingsOptions("report", "featx.runs.settings:ReportSettings", carried=True)

run = click.argument("run", shell_complete=complete_runs)
optional_run = click.argument("run", required=False, shell_complete=complete_runs)
runs = click.argument(
    "runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_runs
)

own_weights = click.option(
    "weights",
    "--weights",
    multiple=True,
    type=PATH,
    help="File of your own weights that embeddings were computed with. Can be"
    " repeated.",
)

trust = click.option(
    "--trust",
    is_flag=True,
    help="Load the head of a run of featx 0.2 or older. It is a pickle, which can run"
    " code: trust only runs whose source you trust.",
)


class _Bytes(click.ParamType[int]):
    """A number of bytes, such as 4GB."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the bytes; the units are pydantic's, 1 GB is 10^9 bytes."""
        from pydantic import ByteSize, TypeAdapter, ValidationError

        try:
            return int(TypeAdapter(ByteSize).validate_python(value))
        except ValidationError:
            self.fail(f"{value!r} is no size such as 500MB or 4GB", param, ctx)


memory = click.option(
    "--memory",
    type=_Bytes(),
    metavar="SIZE",
    help="Keep embeddings that take more than this, such as 4GB, in a temporary file"
    " instead of in memory, and fit heads on portions of them."
    "  [default: a quarter of what is free]",
)

jobs = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Processes that fit the folds of a head side by side.  [default: one per core"
    " where fits are long]",
)

as_json = click.option(
    "as_json", "--json", is_flag=True, help="Print the result as JSON."
)


def augmentation_help() -> str:
    """List what `--augment` takes, for the command's help."""
    presets = [f"{row.name:<12} {row.summary}" for row in AUGMENTATIONS.values()]
    words = ", ".join(f"{name}{option.usual:g}" for name, option in OPTIONS.items())
    fill = click.formatting.wrap_text
    return "\n".join(
        [
            "\b",
            "Augmentations:",
            *(fill(row, 76, subsequent_indent=" " * 13) for row in presets),
            "",
            "\b",
            *fill(
                "Or comma-separated words, alone or after one of these, each with or"
                f" without its number; the usual ones are {words}. 0 turns one off.",
                76,
            ).splitlines(),
        ]
    )
