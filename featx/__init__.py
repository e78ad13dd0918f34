"""featx: from a folder of labelled images to a classifier you can trust.

::

    images = featx.read_images("data")
    embeddings = featx.embed(images, "mobilenetv2")
    fitted = featx.fit(embeddings, "lda")
    print(featx.evaluate(fitted, embeddings)["accuracy"])
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featx.embeddings.backbones.extractor import find_extractor
    from featx.embeddings.dataset import Embeddings, embed
    from featx.embeddings.embedder import Embedder
    from featx.images.image_set import ImageSet
    from featx.images.layouts.read import read_images
    from featx.pipeline.fit import FittedHead, evaluate, fit
    from featx.runs.run import Run, read_run

__version__ = version("featx")

_HOMES = {
    "Embedder": "featx.embeddings.embedder",
    "Embeddings": "featx.embeddings.dataset",
    "FittedHead": "featx.pipeline.fit",
    "ImageSet": "featx.images.image_set",
    "Run": "featx.runs.run",
    "embed": "featx.embeddings.dataset",
    "evaluate": "featx.pipeline.fit",
    "find_extractor": "featx.embeddings.backbones.extractor",
    "fit": "featx.pipeline.fit",
    "read_images": "featx.images.layouts.read",
    "read_run": "featx.runs.run",
}

__all__ = [
    "Embedder",
    "Embeddings",
    "FittedHead",
    "ImageSet",
    "Run",
    "embed",
    "evaluate",
    "find_extractor",
    "fit",
    "read_images",
    "read_run",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: `featx --help` needs none."""
    if name not in _HOMES:
        raise AttributeError(f"module 'featx' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
