"""How the cache looks in a terminal, and to a script.

Import it in the function that needs it: what it shows takes long to import.
"""

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from featx.addresses import Address
from featx.cli.show import MISSING, RANDOM_MARK, show_notes, show_table
from featx.cli.terminal import say, say_json
from featx.embeddings.cache.inventory import InventoryEntry, options_of
from featx.embeddings.cache.prune import Pruning
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.cache.verify import Verified
from featx.embeddings.dataset import Embeddings
from featx.embeddings.spec import Spec
from featx.pipeline.cache import Verification
from featx.reports.numbers import counted, file_size

SPANS = (
    (365 * 86400, "year"),
    (30 * 86400, "month"),
    (86400, "day"),
    (3600, "hour"),
    (60, "minute"),
)
"""Units of a span of time, in seconds: the longest that fits once is shown."""


def _show_specs(
    columns: Sequence[str], rows: Iterable[tuple[Spec, Sequence[str]]]
) -> None:
    """Print a table with a row per kind of embedding: what it is, and its cells."""
    cells = [
        [f"{spec.backbone}@{spec.image_size}", ", ".join(options_of(spec)), *row]
        for spec, row in rows
    ]
    show_table("", ["backbone", "options", *columns], cells, left=2, whole=1)


def _as_dict(cache: EmbeddingCache, **facts: Any) -> dict[str, Any]:
    """Return which kind of embedding it is, where it lies, and facts about it."""
    return {"spec": cache.spec.as_dict(), "folder": cache.folder, **facts}


def show_inventory(
    cache_dir: Address, entries: Sequence[InventoryEntry], *, as_json: bool
) -> None:
    """Print what a cache holds."""
    if as_json:
        say_json(
            [
                _as_dict(e.cache, rows=e.rows, bytes=e.size, newest=e.newest)
                for e in entries
            ]
        )
        return
    if not entries:
        say(f"{cache_dir} is empty; `featx extract` fills it")
        return
    rows = []
    for one in entries:
        counts = [f"{one.rows:,}", file_size(one.size), _age(one.newest)]
        rows.append((one.cache.spec, [*counts, one.cache.spec.id]))
    _show_specs(["images", "size", "age", "spec"], rows)
    images, size = sum(e.rows for e in entries), sum(e.size for e in entries)
    say(
        f"{counted(len(entries), 'folder')}, {cache_dir}/*-SPEC:"
        f" {counted(images, 'embedding')}, {file_size(size)}"
    )


def _age(written: float | None) -> str:
    """Write how long ago something was written: ``3 days``."""
    if written is None:
        return MISSING
    seconds = time.time() - written
    for length, unit in SPANS:
        if seconds >= length:
            return counted(int(seconds // length), unit)
    return "just now"


def show_export(path: Path, embeddings: Embeddings, *, as_json: bool) -> None:
    """Print what was written where."""
    size = path.stat().st_size
    show_notes(embeddings.notes)
    images, views, width = embeddings.views.shape
    classes = len(embeddings.images.classes)
    if as_json:
        say_json(
            {
                "file": path,
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
    say(
        f"{len(embeddings.train):,} training and {len(embeddings.test):,} test images,"
        f" {classes:,} classes",
        f"{embeddings.backbone}{mark}",
        f"{width:,} numbers an image{flipped}",
        f"{path}, {file_size(size)}",
    )


def show_verification(verification: Verification, *, as_json: bool) -> None:
    """Print what was found in a cache."""
    specs = verification.specs
    show_notes(verification.notes)
    show_notes(
        f"{one.cache.folder}: not computed again: {one.skipped}"
        for one in specs
        if one.skipped
    )
    if as_json:
        say_json([_verified_as_dict(one) for one in specs])
        return
    if not specs:
        say("nothing to verify: the cache is empty")
        return
    _show_specs(
        ["images", "difference", "cosine", ""],
        ((one.cache.spec, _verified_cells(one)) for one in specs),
    )
    files = counted(sum(one.parts for one in specs), "file")
    damaged = sum(len(one.damaged) for one in specs)
    say(f"checksums of {files}: {f'{damaged} damaged' if damaged else 'ok'}")


def _verified_cells(one: Verified) -> list[str]:
    compared = one.comparison
    if compared is None:
        return [MISSING, MISSING, MISSING, "damaged" if one.damaged else MISSING]
    difference = compared.largest_difference
    verdict = "differs" if one.differs else "ok"
    return [
        str(compared.images),
        f"{difference:.1e}" if difference else "0",
        f"{compared.mean_cosine:.5f}",
        "damaged" if one.damaged else verdict,
    ]


def _verified_as_dict(one: Verified) -> dict[str, Any]:
    compared = one.comparison
    difference = compared.largest_difference if compared else None
    return _as_dict(
        one.cache,
        parts=one.parts,
        damaged=one.damaged,
        compared=compared.images if compared else 0,
        # JSON has no infinity.
        largest_difference=difference if math.isfinite(difference or 0) else None,
        mean_cosine=compared.mean_cosine if compared else None,
        tolerance=compared.tolerance if compared else None,
        not_compared=one.skipped,
        ok=not (one.damaged or one.differs),
    )


def show_pruning(pruning: Pruning, *, dry_run: bool, as_json: bool) -> None:
    """Print what was, or would be, dropped from a cache."""
    if as_json:
        say_json(_pruning_as_dict(pruning, dry_run=dry_run))
        return
    for folder, images in pruning.kept.items():
        say(f"keeps what is in {folder}: {counted(images, 'image')}")
    specs = pruning.specs
    if not (specs or pruning.leftovers or pruning.models):
        say("nothing to prune: the cache is empty")
        return
    rows = []
    for one in specs:
        counts = [f"{one.kept:,}", f"{one.dropped:,}", file_size(one.freed)]
        if one.busy:
            counts = ["in use", MISSING, MISSING]
        rows.append((one.cache.spec, [*counts, one.cache.spec.id]))
    _show_specs(["kept", "dropped", "freed", "spec"], rows)
    for line in _pruned_lines(pruning, dry_run=dry_run):
        say(line)


def _pruned_lines(pruning: Pruning, *, dry_run: bool) -> list[str]:
    """Say in the end what went, all of it counted."""
    files = _pruned_files(pruning)
    freed = file_size(_freed(pruning))
    dropped = counted(sum(one.dropped for one in pruning.specs), "embedding")
    if not (files or _freed(pruning) or any(one.busy for one in pruning.specs)):
        return ["nothing to drop: all of it is used"]
    lines = []
    if files:
        names = ", ".join(map(str, files))
        what = counted(len(files), "unusable file")
        lines.append(f"{what} (damaged, or left by a killed process): {names}")
    if pruning.models:
        unused = counted(len(pruning.models), "converted model")
        lines.append(f"{unused} that no embeddings need any more")
    if dry_run:
        lines.append(
            f"would drop {dropped} and free about {freed}; nothing was changed"
        )
    else:
        lines.append(f"dropped {dropped}, freed {freed}")
    return lines


def _pruned_files(pruning: Pruning) -> list[Address]:
    """Return the paths of files that serve nothing, set aside or unfinished."""
    inside: list[Address] = [
        one.cache.folder / name for one in pruning.specs for name in one.files
    ]
    return [*inside, *pruning.leftovers]


def _freed(pruning: Pruning) -> int:
    beside = [*pruning.leftovers.values(), *pruning.models.values()]
    return sum(one.freed for one in pruning.specs) + sum(beside)


def _pruning_as_dict(pruning: Pruning, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "data": {str(folder): images for folder, images in pruning.kept.items()},
        "files": [str(path) for path in _pruned_files(pruning)],
        "models": [str(path) for path in pruning.models],
        "specs": [
            _as_dict(
                one.cache,
                kept=one.kept,
                dropped=one.dropped,
                freed_bytes=one.freed,
                removed=one.removed,
                in_use=one.busy,
            )
            for one in pruning.specs
        ],
    }
