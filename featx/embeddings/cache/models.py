"""Converted backbones in a cache folder: made once, removed with the last spec."""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from featx.addresses import Address, own_cache
from featx.atomic import ASIDE
from featx.embeddings.spec import Spec

FOLDER = ".models"
"""Of the cache folder."""

VERSION = 1
"""Counts up when featx converts in another way."""


def models_folder(cache_dir: Address) -> Path:
    """Return the folder in whose folder `FOLDER` converted backbones are kept.

    They are for this machine: where the cache isn't, it keeps them itself.
    """
    return cache_dir if isinstance(cache_dir, Path) else own_cache()


def model_path(cache_dir: Path, spec: Spec) -> Path:
    """Return where the converted backbone of a spec is kept."""
    # Neither the precision nor what happens to an image before matters.
    inputs = [
        *(spec.backbone, spec.image_size, spec.pooling, spec.layer, spec.weights_id),
        *(version("keras"), VERSION),
    ]
    digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:10]
    return cache_dir / FOLDER / f"{spec.backbone}-{spec.image_size}-{digest}.tflite"


def unused_models(cache_dir: Path, specs: Iterable[Spec]) -> dict[Path, int]:
    """Return the files of converted backbones that none of some specs uses.

    Returns
    -------
    dict of Path to int
        With their bytes; what killed processes left is among them.
    """
    used = {model_path(cache_dir, spec) for spec in specs}
    folder = cache_dir / FOLDER
    found = [*folder.glob("*.tflite"), *folder.glob(f"{ASIDE}*")]
    return {path: path.lstat().st_size for path in found if path not in used}
