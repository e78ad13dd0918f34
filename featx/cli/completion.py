"""What a shell completes: names of the tables, runs, files and folders.

Options made from settings name what they may be in their `CliOption`. Nothing here may
fail or import a framework: a shell calls it at each press of the tab key.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from featx.errors import FeatxError

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_names(
    names: Callable[[], Iterable[str]], *, paths: bool = False
) -> Completer:
    """Make a completer of names, in any case; of paths too where these are allowed."""

    def complete(
        _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = _beginning(names(), incomplete)
        return found if found or not paths else [CompletionItem(incomplete, "file")]

    return complete


def complete_head(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete heads; scikit-learn's classifiers once their package is begun."""
    from featx.heads.settings import GROUPS
    from featx.heads.table import HEADS

    found = _beginning((*HEADS, *GROUPS), incomplete)
    if not found and incomplete and "sklearn.".startswith(incomplete[:8]):
        from featx.heads.scikit_learn import classifier_paths

        # They are many, and take a second to find.
        found = _beginning(classifier_paths(), incomplete)
    return found


def complete_folders(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Have the shell complete folders."""
    return [CompletionItem(incomplete, "dir")]


def complete_runs(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of runs, or paths where no run is named so."""
    found = _beginning(_run_names(ctx), incomplete)
    return found or [CompletionItem(incomplete, "file")]


def complete_run_and_paths(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the run that stands first, and then paths."""
    if ctx.params.get(str(param.name)) or ctx.params.get("imagenet"):
        return [CompletionItem(incomplete, "file")]
    return complete_runs(ctx, param, incomplete)


def complete_unfreeze(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete what can be unfrozen: blocks too, if the run is named before."""
    return _beginning(("none", "all", "20%", *_blocks(ctx)), incomplete)


def _blocks(ctx: click.Context) -> list[str]:
    """Return the blocks of the backbones of the run that the command names."""
    from featx.embeddings.backbones.table import BACKBONES
    from featx.files import read_json

    # click leaves arguments where they are while the option before has no value.
    run = Path(ctx.params.get("run") or next(iter(ctx.args), ""))
    try:
        folder = run if run.is_dir() else _reports(ctx) / run
        specs = read_json(folder / "run.json")["embedding"]
        rows = [BACKBONES[spec["backbone"]] for spec in specs]
    except (OSError, ValueError, LookupError, TypeError, FeatxError):
        return []
    return list(dict.fromkeys(name for row in rows for name in row.blocks))


def complete_layer(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the layers that blocks end with, of the backbones that are named."""
    return _beginning(_layers(ctx), incomplete)


def _layers(ctx: click.Context) -> list[str]:
    from featx.embeddings.backbones.table import DEFAULT_BACKBONE, find_backbone
    from featx.embeddings.settings import ExtractSettings
    from featx.pipeline.project import stated_values

    names: Any = DEFAULT_BACKBONE
    try:
        if ctx.get_parameter_source("backbone") is ParameterSource.COMMANDLINE:
            names = ctx.params["backbone"]
        else:
            names = stated_values(ExtractSettings).get("backbone", names)
        given = [
            {"backbone": one} for one in ([names] if isinstance(names, str) else names)
        ]
        rows = [
            find_backbone(ExtractSettings.spelled_out(one)["backbone"]) for one in given
        ]
    except (OSError, FeatxError):
        return []
    return list(dict.fromkeys(name for row in rows for name in row.layers))


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    start = incomplete.lower()
    return [CompletionItem(name) for name in names if name.lower().startswith(start)]


_PLAIN = re.compile(r"\w[\w.,:+@%=-]*")
"""A name that means itself in every shell."""


def _run_names(ctx: click.Context) -> list[str]:
    """Return the names of the runs in the folder of reports, sorted.

    bash puts a name on the command line as it is, where ``$(rm x)`` would be run.
    featx gives no such names, but a folder may come from anywhere.
    """
    try:
        names = [one.parent.name for one in _reports(ctx).glob("*/run.json")]
    except (OSError, FeatxError):
        return []
    return sorted(name for name in names if _PLAIN.fullmatch(name))


def _reports(ctx: click.Context) -> Path:
    from featx.pipeline.project import stated_values
    from featx.runs.settings import ReportSettings

    given: dict[str, Any] = {}
    if ctx.get_parameter_source("out_dir") is ParameterSource.COMMANDLINE:
        given = {"out_dir": ctx.params["out_dir"]}
    stated = {} if given else stated_values(ReportSettings)
    return ReportSettings.model_validate({**stated, **given}).out_dir
