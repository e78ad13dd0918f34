"""Options that several commands share, as decorators of the commands."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from featx.cli.command import PATH, SettingsOptions, make_settings


class DataOptions(SettingsOptions):
    """The data: the argument DATA, else what `featx.toml` names."""

    def parameters(self) -> Iterator[click.Parameter]:
        """Yield the argument and the options."""
        argument = self.options["path"].name
        yield click.Argument([argument], required=False, type=PATH)
        yield from (one for one in super().parameters() if one.name != argument)

    def make(self, given: Mapping[str, Any]) -> Any:
        """Make the settings; options override `featx.toml`."""
        from featx.pipeline.recipe import default_data

        values = self.values(given)
        if "path" not in values:
            values = default_data().model_dump(exclude_unset=True) | values
        return make_settings(self.kind, values)


class HeadOptions(SettingsOptions):
    """Which heads to fit; hidden layers are for those that can have some."""

    def make(self, given: Mapping[str, Any]) -> Any:
        """Make one settings object for each head."""
        from featx.heads.settings import ALL_HEADS
        from featx.heads.table import HEADS

        if "hidden" not in given:
            return super().make(given)
        deep = [row.name for row in HEADS.values() if row.hidden]
        heads = []
        for head in dict.fromkeys(given["head"]):
            one = {**given, "head": (head,)}
            if head.lower() not in (ALL_HEADS, *deep):
                del one["hidden"]
            heads += super().make(one)
        if not any(head.hidden for head in heads):
            raise click.UsageError(f"--hidden needs --head {' or '.join(deep)}")
        return heads


DATA = "featx.images.layouts.options:DataSettings"
_EXTRACT = "featx.embeddings.settings:ExtractSettings"
_CACHE = "featx.embeddings.settings:CacheSettings"
_SPLIT = frozenset({"test_size", "seed"})

data = DataOptions("data", DATA)
data_without_split = DataOptions("data", DATA, without=_SPLIT)

extract = SettingsOptions("extract", _EXTRACT)
optional_extract = SettingsOptions("extract", _EXTRACT, optional=True)

cache = SettingsOptions("cache", _CACHE)
cache_dir = SettingsOptions("cache", _CACHE, without=frozenset({"batch_size"}))

report = SettingsOptions("report", "featx.runs.settings:ReportSettings")

own_weights = click.option(
    "weights",
    "--weights",
    multiple=True,
    type=PATH,
    help="File of your own weights that the run's embeddings were computed with. Can"
    " be repeated.",
)

trust = click.option(
    "--trust",
    is_flag=True,
    help="Load the head of a run of featx 0.2 or older. It is a pickle, which can run"
    " code: trust only runs whose source you trust.",
)

as_json = click.option(
    "as_json", "--json", is_flag=True, help="Print the result as JSON."
)
