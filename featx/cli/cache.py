"""`featx cache`: what the cache holds, whether it is sound, what it needs not hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.options import (
    PATH,
    cache_dir_option,
    data_options,
    data_settings,
    embedding_options,
    extract_settings,
    json_option,
    own_weights_option,
    split_options,
)
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_notes
from featx.cli.show_cache import (
    show_export,
    show_holdings,
    show_pruning,
    show_verification,
)

if TYPE_CHECKING:
    from featx.images.layouts.options import DataSettings


class _InOrder(click.Group):
    """Commands in the order in which they stand here."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands from harmless to heavy."""
        return list(self.commands)


@click.group(cls=_InOrder)
def cache() -> None:
    """Look after the cache of embeddings."""


@cache.command("list")
@cache_dir_option
@json_option
def list_(cache_dir: Path, as_json: bool) -> None:
    """List what the cache holds: a line for each kind of embedding."""
    from featx.embeddings.cache.inventory import find_caches, take_stock

    shelf = find_caches(cache_dir)
    holdings = [take_stock(one) for one in shelf.caches]
    show_notes([*(n for h in holdings for n in h.notes), *shelf.damaged])
    show_notes(shelf.foreign)
    show_holdings(cache_dir, holdings, as_json=as_json)


@cache.command()
@data_options
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=32,
    show_default=True,
    help="Images of each folder to compute again; 0: checksums only.",
)
@click.option("--seed", default=0, show_default=True, help="Chooses these images.")
@own_weights_option
@cache_dir_option
@json_option
def verify(
    data: Path | None,
    sample: int,
    seed: int,
    weights: tuple[Path, ...],
    cache_dir: Path,
    as_json: bool,
    **layout: Any,
) -> None:
    """Check all checksums, and compute a sample of DATA again.

    A damaged file is set aside, and `featx extract` computes its images again.
    """
    from featx.errors import CacheError
    from featx.pipeline.cache import run_verify

    settings: DataSettings | None = data_settings(data, **layout)
    if data is None and settings is not None and not settings.path.exists():
        show_notes(
            [f"no folder {settings.path}, so checksums only; name DATA for more"]
        )
        settings = None
    with TerminalProgress() as progress:
        verification = run_verify(
            cache_dir,
            settings,
            sample=sample,
            seed=seed,
            weights=weights,
            progress=progress,
        )
    show_verification(verification, as_json=as_json)
    if verification.problem:
        raise CacheError(verification.problem)


@cache.command()
@click.argument("data", nargs=-1, type=PATH)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@cache_dir_option
@json_option
def prune(
    data: tuple[Path, ...], dry_run: bool, cache_dir: Path, as_json: bool
) -> None:
    """Drop the embeddings of images that are no more in DATA.

    DATA are all folders whose embeddings are to stay; by default all that were
    extracted into this cache. Files that were set aside go too.
    """
    from featx.pipeline.cache import run_prune

    with TerminalProgress() as progress:
        pruning = run_prune(cache_dir, data, dry_run=dry_run, progress=progress)
    show_notes(pruning.notes)
    show_pruning(pruning, dry_run=dry_run, as_json=as_json)


@cache.command()
@data_options
@click.option(
    "--out",
    type=PATH,
    required=True,
    metavar="FILE",
    help="Ends in .h5, .hdf5, .npz or .parquet, which says the format.",
)
@embedding_options
@split_options
@click.option("--seed", default=0, show_default=True, help="Of the split.")
@json_option
def export(
    data: Path | None,
    out: Path,
    backbones: tuple[str, ...],
    image_sizes: tuple[int, ...],
    flip: bool,
    pooling: str,
    layer: str | None,
    weights: str,
    precision: str,
    batch_size: int | None,
    cache_dir: Path,
    seed: int,
    as_json: bool,
    **layout: Any,
) -> None:
    """Write embeddings with labels and split into one file for other tools.

    They are the rows that `featx fit` uses: without --backbone, of what was extracted
    last for DATA.
    """
    from featx.pipeline.cache import run_export

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
    with TerminalProgress() as progress:
        exported = run_export(
            settings,
            out,
            cache_dir,
            wanted=wanted,
            batch_size=batch_size,
            progress=progress,
        )
    show_export(exported, as_json=as_json)
