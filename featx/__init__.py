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
    from featx.embeddings.embedder import Embedder
    from featx.embeddings.extractor import find_extractor
    from featx.images import ImageSet, read_images
    from featx.pipeline.embedding import Embeddings, embed
    from featx.pipeline.fitting import FittedHead, evaluate, fit
    from featx.runs import Run, read_run

__version__ = version("featx")

_HOMES = {
    "Embedder": "featx.embeddings.embedder",
    "Embeddings": "featx.pipeline.embedding",
    "FittedHead": "featx.pipeline.fitting",
    "ImageSet": "featx.images",
    "Run": "featx.runs",
    "embed": "featx.pipeline.embedding",
    "evaluate": "featx.pipeline.fitting",
    "find_extractor": "featx.embeddings.extractor",
    "fit": "featx.pipeline.fitting",
    "read_images": "featx.images",
    "read_run": "featx.runs",
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
