"""Heads: classifiers on embeddings, behind one interface.

Heads know nothing of images, backbones and caches: embeddings are arrays to them.
"""
