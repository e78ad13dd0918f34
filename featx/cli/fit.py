"""`featx fit`: stage two."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.options import (
    checked,
    data_options,
    data_settings,
    embedding_options,
    extract_settings,
    json_option,
    out_dir_option,
    split_options,
)
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_best, show_json, show_leaderboard, show_notes, summary

if TYPE_CHECKING:
    from featx.runs.run import Run


@click.command()
@data_options
@click.option(
    "--head",
    "heads",
    multiple=True,
    required=True,
    metavar="NAME|all",
    help="A classifier; `featx heads` lists them. May repeat.",
)
@embedding_options
@split_options
@click.option(
    "--tune/--no-tune", help="Try several parameters, inside the training part."
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Of the cross-validation.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Cross-validate so many times, with other folds each time.",
)
@click.option(
    "--hidden",
    metavar="LAYERS",
    help="Hidden layers, parted by commas: units (Dense with relu), bn, dropoutR; like"
    " 768,bn,dropout0.25,512.  [mlp: 128, conv: 256]",
)
@click.option(
    "--class-weight",
    type=click.Choice(["none", "balanced"]),
    default="none",
    show_default=True,
    help="Balanced: rare classes count as much as frequent ones.",
)
@click.option("--seed", default=0, show_default=True, help="Of splits, folds, heads.")
@out_dir_option
@json_option
def fit(
    data: Path | None,
    heads: tuple[str, ...],
    backbones: tuple[str, ...],
    image_sizes: tuple[int, ...],
    flip: bool,
    pooling: str,
    layer: str | None,
    weights: str,
    precision: str,
    batch_size: int | None,
    cache_dir: Path,
    tune: bool,
    folds: int,
    repeats: int,
    hidden: str | None,
    class_weight: str,
    seed: int,
    out_dir: Path,
    as_json: bool,
    **layout: Any,
) -> None:
    """Train heads on the embeddings, and score them.

    Without --backbone, on what was extracted last for DATA. Embeddings that the cache
    lacks are computed first. A run that is there already is not fitted again.
    """
    from featx.heads.settings import HeadSettings
    from featx.pipeline.fit import run_fit

    settings = data_settings(data, seed=seed, **layout)
    wanted = extract_settings(
        backbones,
        image_sizes,
        flip=flip,
        pooling=pooling,
        layer=layer,
        weights=weights,
        precision=precision,
    )
    deep = _with_hidden_layers(heads)
    if hidden is not None and not deep:
        raise click.UsageError("--hidden needs --head mlp or conv beside it")
    chosen = [
        checked(
            HeadSettings,
            name=head,
            tune=tune,
            folds=folds,
            repeats=repeats,
            hidden=hidden if head in deep else None,
            class_weight=None if class_weight == "none" else class_weight,
            seed=seed,
        )
        for head in dict.fromkeys(heads)
    ]
    with TerminalProgress() as progress:
        runs = run_fit(
            settings,
            chosen,
            cache_dir,
            out_dir,
            wanted=wanted,
            batch_size=batch_size,
            progress=progress,
        )
    _show(runs, as_json=as_json)


def _with_hidden_layers(heads: tuple[str, ...]) -> set[str]:
    """Return those of the named heads whose hidden layers can be said."""
    from featx.heads.table import HEADS

    deep = {"all", *(row.name for row in HEADS.values() if row.hidden)}
    return {head for head in heads if head.lower() in deep}


def _show(runs: "list[Run]", *, as_json: bool) -> None:
    show_notes(note for run in runs for note in run.info["notes"])
    if as_json:
        show_json([summary(run) for run in runs])
        return
    show_leaderboard(runs)
    show_best(runs)
