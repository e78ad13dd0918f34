"""Heads: classifiers on embeddings, behind one interface.

Heads never import embeddings: they meet as arrays.
"""

from featx.heads.fitting import fit_head
from featx.heads.table import HEADS, HeadRow, find_head, make_head

__all__ = ["HEADS", "HeadRow", "find_head", "fit_head", "make_head"]
