"""What the images of a data folder are known by, read with progress."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from featx.images import Digests, digest_files
from featx.pipeline.listener import Update

AT_ONCE = 1000


def digest_all(files: Sequence[Path], update: Update) -> Digests:
    """Return the digests of many files; `update` is told how many are read."""
    found: list[Digests] = []
    unreadable: dict[int, str] = {}
    for start in range(0, len(files), AT_ONCE):
        update(start, len(files))
        found.append(digest_files(files[start : start + AT_ONCE]))
        unreadable |= {start + row: why for row, why in found[-1].unreadable.items()}
    update(len(files), len(files))
    keys = [digests.keys for digests in found]
    none = np.zeros((0, 32), np.uint8)
    return Digests(np.concatenate(keys) if keys else none, unreadable)
