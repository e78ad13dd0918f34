"""`featx extract`: compute embeddings."""

from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_notes
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from featx.embeddings.settings import CacheSettings, ExtractSettings
    from featx.images.layouts.options import DataSettings
    from featx.pipeline.extract import Extracted


@click.command(cls=SettingsCommand)
@options.extract
@options.data_without_split
@options.cache
@click.option("--retry", is_flag=True, help="Try unreadable images again.")
@click.option(
    "--ray",
    is_flag=False,
    flag_value="",
    metavar="[ADDRESS]",
    help="Compute on the machines of a Ray cluster: the one that runs here, or the one"
    " of this address (host:port). Write DATA before it. Paths must be the same on all"
    " machines; see the guide on many machines.",
)
@options.as_json
def extract(
    data: "DataSettings",
    extract: "list[ExtractSettings]",
    cache: "CacheSettings",
    retry: bool,
    ray: str | None,
    as_json: bool,
) -> Next:
    """Compute the embeddings of images, each only once.

    DATA is the image folder, an archive or address of it; by default the one that
    featx.toml names, else data/.
    Embeddings that are in the cache are not computed again.
    """
    from featx.pipeline.extract import run_extract

    with TerminalProgress() as progress:
        extracted = run_extract(
            data, extract, cache=cache, retry=retry, ray=ray, progress=progress
        )
    _show(extracted, as_json=as_json)
    return Next("fit", _options_for_fit(extract))


def _options_for_fit(chosen: "list[ExtractSettings]") -> tuple[str, ...]:
    """Return what has `featx fit` take these embeddings where `featx.toml` has others.

    It takes those last extracted by itself, unless the file names a backbone.
    """
    from featx.pipeline.command import embedding_options
    from featx.pipeline.project import read_project

    stated = options.optional_extract.make({}, read_project)
    return tuple(embedding_options(chosen) or ()) if stated not in ([], chosen) else ()


def _show(extracted: "Extracted", *, as_json: bool) -> None:
    from featx.reports.numbers import counted

    images = extracted.images
    show_notes([*images.notes, *(n for e in extracted.extractions for n in e.notes)])
    if as_json:
        embeddings = [
            {
                "spec": done.spec.as_dict(),
                "folder": done.folder,
                "computed": done.computed,
                "cached": done.cached,
                "unreadable": {
                    images.paths[r]: why for r, why in done.unreadable.items()
                },
                "seconds": round(done.seconds, 3),
            }
            for done in extracted.extractions
        ]
        say_json(
            {
                "images": len(images),
                "classes": list(images.classes),
                "layout": images.layout,
                "embeddings": embeddings,
            }
        )
        return
    shown = counted(len(images), "image")
    say(f"{shown}, {len(images.classes):,} classes ({images.layout})")
    for done in extracted.extractions:
        rate = f" ({done.computed / done.seconds:.0f}/s)" if done.seconds else ""
        say(
            f"{done.spec}, {done.spec.precision}, {done.folder}",
            f"  {done.computed:,} computed{rate}, {done.cached:,} in the cache,"
            f" {len(done.unreadable):,} unreadable",
        )
        if done.unreadable:
            row, reason = min(done.unreadable.items())
            first = f"first unreadable image: {images.paths[row]} ({reason})"
            show_notes([f"{first}; all of them: {done.folder / 'quarantine.csv'}"])
