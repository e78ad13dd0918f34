"""How the cache looks in a terminal, and to a script."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.show import MISSING, RANDOM_MARK, show_json, show_notes, show_table

if TYPE_CHECKING:
    from featx.embeddings.cache.inventory import InventoryEntry
    from featx.embeddings.cache.prune import Pruned, Pruning
    from featx.embeddings.cache.verify import Verified
    from featx.embeddings.dataset import Embeddings
    from featx.embeddings.spec import Spec
    from featx.pipeline.cache import Verification

# The longest unit that a span fills once; the rest is no matter.
SPANS = (
    (365 * 86400, "year"),
    (30 * 86400, "month"),
    (86400, "day"),
    (3600, "hour"),
    (60, "minute"),
)


def show_inventory(
    cache_dir: Path, entries: "Sequence[InventoryEntry]", *, as_json: bool
) -> None:
    """Print what a cache holds."""
    from featx.reports.numbers import counted, file_size

    if as_json:
        show_json([_entry_as_dict(entry) for entry in entries])
        return
    if not entries:
        click.echo(f"{cache_dir} is empty; `featx extract --backbone NAME` fills it")
        return
    rows = [
        [
            *_names(entry.spec),
            f"{entry.rows:,}",
            file_size(entry.size),
            _age(entry.newest),
            entry.spec.id,
        ]
        for entry in entries
    ]
    columns = ["backbone", "options", "images", "size", "age", "spec"]
    show_table("", columns, rows, left=2, whole=1)
    images, size = sum(e.rows for e in entries), sum(e.size for e in entries)
    click.echo(
        f"{counted(len(entries), 'folder')}, {cache_dir}/*-SPEC:"
        f" {counted(images, 'embedding')}, {file_size(size)}"
    )


def show_export(path: Path, embeddings: "Embeddings", *, as_json: bool) -> None:
    """Print what was written where."""
    from featx.reports.numbers import file_size

    size = path.stat().st_size
    show_notes(embeddings.notes)
    images, views, width = embeddings.views.shape
    classes = len(embeddings.images.classes)
    if as_json:
        show_json(
            {
                "file": str(path),
                "bytes": size,
                "images": images,
                "n_train": len(embeddings.train),
                "n_test": len(embeddings.test),
                "classes": classes,
                "width": width,
                "mirrored": views > 1,
                "specs": [spec.as_dict() for spec in embeddings.specs],
                "fingerprint": embeddings.split.fingerprint,
            }
        )
        return
    mark = RANDOM_MARK if embeddings.weights == "random" else ""
    flipped = ", and as many of the flipped image" if views > 1 else ""
    click.echo(
        f"{len(embeddings.train):,} training and {len(embeddings.test):,} test images,"
        f" {classes:,} classes\n{embeddings.backbone}{mark}\n"
        f"{width:,} numbers an image{flipped}\n{path}, {file_size(size)}"
    )


def _entry_as_dict(entry: "InventoryEntry") -> dict[str, Any]:
    return {
        "spec": entry.spec.as_dict(),
        "folder": str(entry.folder),
        "rows": entry.rows,
        "bytes": entry.size,
        "newest": entry.newest,
    }


def _names(spec: "Spec") -> list[str]:
    """Return two cells: what --backbone takes, and the other options."""
    from featx.embeddings.cache.inventory import options_of

    return [f"{spec.backbone}@{spec.image_size}", ", ".join(options_of(spec))]


def _age(written: float | None) -> str:
    """Say how long ago something was written: ``3 days``."""
    from featx.reports.numbers import counted

    if written is None:
        return MISSING
    seconds = time.time() - written
    for length, unit in SPANS:
        if seconds >= length:
            return counted(int(seconds // length), unit)
    return "just now"


def show_verification(verification: "Verification", *, as_json: bool) -> None:
    """Print what was found of a cache."""
    from featx.reports.numbers import counted

    show_notes(verification.notes)
    skipped = [one for one in verification.specs if one.skipped]
    show_notes(
        f"{one.cache.folder}: not computed again: {one.skipped}" for one in skipped
    )
    if as_json:
        show_json([_verified_as_dict(one) for one in verification.specs])
        return
    if not verification.specs:
        click.echo("nothing to verify: the cache is empty")
        return
    columns = ["backbone", "options", "images", "difference", "cosine", ""]
    rows = [_verified_cells(one) for one in verification.specs]
    show_table("", columns, rows, left=2, whole=1)
    files = counted(sum(one.parts for one in verification.specs), "file")
    damaged = sum(len(one.damaged) for one in verification.specs)
    click.echo(f"checksums of {files}: {f'{damaged} damaged' if damaged else 'ok'}")


def _verified_cells(one: "Verified") -> list[str]:
    compared = one.comparison
    return [
        *_names(one.cache.spec),
        str(compared.images) if compared else MISSING,
        _small(compared.largest_difference) if compared else MISSING,
        f"{compared.mean_cosine:.5f}" if compared else MISSING,
        _verdict(one),
    ]


def _finite(number: float) -> float | None:
    """Return what JSON can say."""
    return number if math.isfinite(number) else None


def _small(number: float) -> str:
    return f"{number:.1e}" if number else "0"


def _verdict(one: "Verified") -> str:
    if one.damaged:
        return "damaged"
    if one.comparison is None:
        return MISSING
    return "differs" if one.differs else "ok"


def _verified_as_dict(one: "Verified") -> dict[str, Any]:
    compared = one.comparison
    return {
        "spec": one.cache.spec.as_dict(),
        "folder": str(one.cache.folder),
        "parts": one.parts,
        "damaged": one.damaged,
        "compared": compared.images if compared else 0,
        "largest_difference": _finite(compared.largest_difference)
        if compared
        else None,
        "mean_cosine": compared.mean_cosine if compared else None,
        "tolerance": compared.tolerance if compared else None,
        "not_compared": one.skipped,
        "ok": not (one.damaged or one.differs),
    }


def show_pruning(pruning: "Pruning", *, dry_run: bool, as_json: bool) -> None:
    """Print what was, or would be, dropped from a cache."""
    from featx.reports.numbers import counted, file_size

    if as_json:
        show_json(_pruning_as_dict(pruning, dry_run=dry_run))
        return
    for folder, images in pruning.kept.items():
        click.echo(f"keeps what is in {folder}: {counted(images, 'image')}")
    if not pruning.specs:
        click.echo("nothing to prune: the cache is empty")
        return
    columns = ["backbone", "options", "kept", "dropped", "freed", "spec"]
    show_table("", columns, _pruned_rows(pruning.specs), left=2, whole=1)
    freed = file_size(sum(one.freed for one in pruning.specs))
    rows = counted(sum(one.dropped for one in pruning.specs), "embedding")
    if not any(one.freed or one.busy for one in pruning.specs):
        click.echo("nothing to drop: all of it is used")
    elif dry_run:
        click.echo(f"would drop {rows} and free about {freed}; nothing was changed")
    else:
        click.echo(f"dropped {rows}, freed {freed}")


def _pruned_rows(specs: "Iterable[Pruned]") -> Iterator[list[str]]:
    from featx.reports.numbers import file_size

    for one in specs:
        counts = [f"{one.kept:,}", f"{one.dropped:,}", file_size(one.freed)]
        if one.busy:
            counts = ["in use", MISSING, MISSING]
        yield [*_names(one.spec), *counts, one.spec.id]


def _pruning_as_dict(pruning: "Pruning", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "data": {str(folder): images for folder, images in pruning.kept.items()},
        "specs": [
            {
                "spec": one.spec.as_dict(),
                "folder": str(one.folder),
                "kept": one.kept,
                "dropped": one.dropped,
                "freed_bytes": one.freed,
                "removed": one.removed,
                "in_use": one.busy,
            }
            for one in pruning.specs
        ],
    }
