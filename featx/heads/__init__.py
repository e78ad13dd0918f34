"""Heads: classifiers on embeddings, behind one interface.

Heads never import embeddings: they meet as arrays.
"""

from featx.heads.fitting import fit_head
from featx.heads.hidden import parse_hidden
from featx.heads.table import HEAD_LAYER, HEADS, HeadRow, find_head, make_head
from featx.heads.views import ViewsHead, fit_views

__all__ = [
    "HEADS",
    "HEAD_LAYER",
    "HeadRow",
    "ViewsHead",
    "find_head",
    "fit_head",
    "fit_views",
    "make_head",
    "parse_hidden",
]
