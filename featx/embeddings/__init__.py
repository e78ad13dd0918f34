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
from featx.embeddings.feature_maps import find_map_shape
from featx.embeddings.inventory import Holding, find_caches, options_of, take_stock
from featx.embeddings.last_extracted import forget, recall, remember, remembered
from featx.embeddings.pruning import Pruned, prune
from featx.embeddings.reading import embed_rows
from featx.embeddings.sources import ImageArrays, ImageFiles
from featx.embeddings.spec import Spec
from featx.embeddings.verifying import (
    Comparison,
    check_parts,
    compare,
    draw_sample,
    find_by_spec,
)

__all__ = [
    "AUTO",
    "BACKBONES",
    "POOLINGS",
    "PRECISIONS",
    "Backbone",
    "Comparison",
    "EmbeddingCache",
    "Extraction",
    "Extractor",
    "Holding",
    "ImageArrays",
    "ImageFiles",
    "KerasExtractor",
    "Pruned",
    "Spec",
    "check_parts",
    "compare",
    "draw_sample",
    "embed_rows",
    "extract",
    "find_backbone",
    "find_by_spec",
    "find_caches",
    "find_extractor",
    "find_map_shape",
    "forget",
    "options_of",
    "prune",
    "recall",
    "remember",
    "remembered",
    "take_stock",
]
