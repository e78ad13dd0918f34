"""`featx extract`: stage one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.options import (
    data_options,
    data_settings,
    embedding_options,
    extract_settings,
    json_option,
)
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_notes

if TYPE_CHECKING:
    from featx.pipeline.extract import Extracted


@click.command()
@data_options
@embedding_options
@click.option("--retry", is_flag=True, help="Try quarantined images again.")
@json_option
def extract(
    data: Path | None,
    backbones: tuple[str, ...],
    image_sizes: tuple[int, ...],
    flip: bool,
    pooling: str,
    layer: str | None,
    weights: str,
    precision: str,
    batch_size: int | None,
    cache_dir: Path,
    retry: bool,
    as_json: bool,
    **layout: Any,
) -> None:
    """Turn images into embeddings, once: a second run computes nothing.

    DATA is the image folder; by default what featx.toml says, else data/.
    """
    from featx.pipeline.extract import run_extract

    if not backbones:
        raise click.UsageError(
            "Missing option '--backbone'; `featx backbones` lists them"
        )
    settings = data_settings(data, **layout)
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
        extracted = run_extract(
            settings,
            wanted,
            cache_dir,
            batch_size=batch_size,
            retry=retry,
            progress=progress,
        )
    _show(extracted, as_json=as_json)


def _show(extracted: "Extracted", *, as_json: bool) -> None:
    images = extracted.images
    show_notes([*images.notes, *(n for e in extracted.extractions for n in e.notes)])
    if as_json:
        show_json(_as_dict(extracted))
        return
    click.echo(f"{len(images)} images, {len(images.classes)} classes ({images.layout})")
    for done in extracted.extractions:
        rate = f" ({done.computed / done.seconds:.0f}/s)" if done.seconds else ""
        click.echo(f"{done.spec}, {done.spec.precision}, {done.folder}")
        click.echo(
            f"  {done.computed} computed{rate}, {done.cached} in the cache,"
            f" {len(done.unreadable)} unreadable"
        )
        if done.unreadable:
            row, reason = min(done.unreadable.items())
            click.echo(
                f"note: first unreadable image: {images.paths[row]} ({reason}); all of"
                f" them: {done.folder / 'quarantine.csv'}",
                err=True,
            )


def _as_dict(extracted: "Extracted") -> dict[str, Any]:
    images = extracted.images
    return {
        "images": len(images),
        "classes": list(images.classes),
        "layout": images.layout,
        "embeddings": [
            {
                "spec": done.spec.as_dict(),
                "folder": str(done.folder),
                "computed": done.computed,
                "cached": done.cached,
                "unreadable": {
                    images.paths[r]: why for r, why in done.unreadable.items()
                },
                "seconds": round(done.seconds, 3),
            }
            for done in extracted.extractions
        ],
    }
