"""`featx cache`: list, verify, prune and export the cached embeddings."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from featx.cli import options
from featx.cli.command import Next, OrderedGroup
from featx.cli.field_option import ADDRESS, PATH
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_notes
from featx.errors import CacheError

if TYPE_CHECKING:
    from featx.addresses import Address
    from featx.embeddings.settings import CacheSettings, ExtractSettings
    from featx.images.layouts.options import DataSettings


@click.group(cls=OrderedGroup)
def cache() -> None:
    """Manage the cache of embeddings."""


@cache.command("list")
@options.cache_dir
@options.as_json
def list_(cache: "CacheSettings", as_json: bool) -> Next | None:
    """List what the cache holds, one kind of embedding a line."""
    from featx.cli.show_cache import show_inventory
    from featx.embeddings.cache.inventory import find_caches, inventory_entry

    inventory = find_caches(cache.folder)
    entries = [inventory_entry(one) for one in inventory.caches]
    show_notes([*(n for e in entries for n in e.cache.notes), *inventory.damaged])
    show_notes(inventory.foreign)
    show_inventory(cache.folder, entries, as_json=as_json)
    return None if entries else Next("extract")


@cache.command()
@options.data_without_split
@click.option(
    "--sample",
    type=click.IntRange(0),
    metavar="INTEGER",
    default=32,
    show_default=True,
    help="Number of images per kind of embedding to compute again; 0: compare"
    " checksums only.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="INTEGER",
    default=0,
    show_default=True,
    help="Seed of that sample.",
)
@options.own_weights
@options.cache_dir
@options.as_json
@click.pass_context
def verify(
    ctx: click.Context,
    data: "DataSettings",
    sample: int,
    seed: int,
    weights: tuple[Path, ...],
    cache: "CacheSettings",
    as_json: bool,
) -> None:
    """Check all checksums, and compute a sample of DATA again.

    A damaged file is set aside; `featx extract` then computes its images again.
    """
    from featx.cli.show_cache import show_verification
    from featx.pipeline.cache import run_verify

    is_given = ctx.get_parameter_source("data") is not ParameterSource.DEFAULT
    has_data = is_given or data.path.exists()
    if not has_data:
        note = f"no folder {data.path}, so only checksums are compared"
        show_notes([f"{note}; name DATA for more"])
    with TerminalProgress() as progress:
        verification = run_verify(
            cache.folder,
            data if has_data else None,
            sample=sample,
            seed=seed,
            weights=weights,
            progress=progress,
        )
    show_verification(verification, as_json=as_json)
    if verification.problem:
        raise CacheError(verification.problem)


@cache.command()
@click.argument("data", nargs=-1, type=ADDRESS)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@options.cache_dir
@options.as_json
def prune(
    data: "tuple[Address, ...]", dry_run: bool, cache: "CacheSettings", as_json: bool
) -> Next | None:
    """Remove the embeddings of images that are no longer in DATA.

    DATA are all folders whose embeddings to keep; by default all whose embeddings
    this cache has. Files that were set aside are removed as well.
    """
    from featx.cli.show_cache import show_pruning
    from featx.images.packed.find import data_path
    from featx.pipeline.cache import run_prune

    with TerminalProgress() as progress:
        pruning = run_prune(
            cache.folder, list(map(data_path, data)), dry_run=dry_run, progress=progress
        )
    show_notes(pruning.notes)
    show_pruning(pruning, dry_run=dry_run, as_json=as_json)
    return Next("cache prune", tuple(map(str, data))) if dry_run else None


@cache.command()
@options.data
@click.option(
    "--out",
    type=PATH,
    required=True,
    metavar="FILE",
    help="File to write; its suffix sets the format: .h5, .hdf5, .npz or .parquet.",
)
@options.optional_extract
@options.cache_and_batch
@options.as_json
def export(
    data: "DataSettings",
    out: Path,
    extract: "list[ExtractSettings]",
    cache: "CacheSettings",
    as_json: bool,
) -> None:
    """Write embeddings, labels and split to one file for other tools.

    The rows are those that `featx fit` uses: without --backbone, the embeddings last
    extracted for DATA.
    """
    from featx.cli.show_cache import show_export
    from featx.pipeline.cache import run_export

    with TerminalProgress() as progress:
        embeddings = run_export(
            data, out, extract=extract, cache=cache, progress=progress
        )
    show_export(out, embeddings, as_json=as_json)
