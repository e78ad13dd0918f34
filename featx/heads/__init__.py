"""Heads: classifiers on embeddings, behind one interface.

Heads never import embeddings: they meet as arrays.
"""
