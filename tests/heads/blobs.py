"""Embeddings with known classes, for the heads to learn."""

from functools import lru_cache

import numpy as np

from featx.heads.table import make_head


def make_blobs(counts, *, width=12, apart=4.0, seed=0, dtype=np.float32):
    """Return rows, codes: a normal cloud per class around a centre of its own.

    The centres depend on the width alone, so that two seeds give two samples of the
    same classes.
    """
    centres = np.random.default_rng(99).normal(size=(len(counts), width))
    centres *= apart / np.linalg.norm(centres, axis=1, keepdims=True)
    y = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(seed).normal(size=(len(y), width))
    order = np.random.default_rng(seed).permutation(len(y))
    return (centres[y] + noise)[order].astype(dtype), y[order]


@lru_cache
def tiny_head(n_classes=2, *, width=3):
    """Return a fitted head where any will do."""
    X, y = make_blobs([2] * n_classes, width=width)
    return make_head("svm", max_iter=1).fit(X, y)


def as_trained(head, X):
    """Return what a linear head's coefficients are multiplied with."""
    rooted = np.sign(X) * np.sqrt(np.abs(X)) if head.rooted_ else X
    return (rooted - head.mean_) / head.scale_
