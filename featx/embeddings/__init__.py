"""Stage one: frozen backbones turn images into embeddings, cached by content."""

from featx.embeddings.backbones import BACKBONES, Backbone, find_backbone
from featx.embeddings.cache import EmbeddingCache
from featx.embeddings.extraction import Extraction, extract
from featx.embeddings.extractor import (
    AUTO,
    POOLINGS,
    PRECISIONS,
    Extractor,
    KerasExtractor,
    find_extractor,
)
from featx.embeddings.last_extracted import recall, remember
from featx.embeddings.reading import embed_rows
from featx.embeddings.sources import ImageArrays, ImageFiles
from featx.embeddings.spec import Spec

__all__ = [
    "AUTO",
    "BACKBONES",
    "POOLINGS",
    "PRECISIONS",
    "Backbone",
    "EmbeddingCache",
    "Extraction",
    "Extractor",
    "ImageArrays",
    "ImageFiles",
    "KerasExtractor",
    "Spec",
    "embed_rows",
    "extract",
    "find_backbone",
    "find_extractor",
    "recall",
    "remember",
]
