"""Embeddings as a scikit-learn transformer."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from featx.addresses import Address, Location, as_folder
from featx.embeddings.backbones.extractor import AUTO, Extractor, find_extractor
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.extract import embed_rows
from featx.errors import ImageError
from featx.images.resizing import SQUASH, Resize
from featx.images.sources import ImageArrays, ImageFiles, Source


class Embedder(TransformerMixin, BaseEstimator):
    """From image files or pixels to embeddings, in a scikit-learn pipeline.

    Nothing is learned from the data. Cross-validating a pipeline computes each image
    once, because embeddings are kept in the cache.

    Parameters
    ----------
    backbone : str
        Name in the table of backbones (`featx backbones`).
    image_size : int, optional
        Side in pixels; the backbone's own where None.
    pooling : {"avg", "max", "none"}
    layer : str, optional
        Take this inner layer's output, by Keras' name, instead of the last one's.
    weights : str
        ``imagenet``, ``random`` or the path of a weights file.
    precision : {"auto", "float32", "bfloat16", "float16"}
        Arithmetic of the model; ``auto`` is what the cache has, else the faster one
        that gives the same embeddings, and float32 without a cache.
    resize : {"squash", "crop", "pad"}
        How images become squares.
    batch_size : int, optional
        Images per run of the model; by default what suits the memory.
    engine : {"auto", "tensorflow", "jax", "torch", "litert", "openvino"}
        What runs the model; ``auto``: the fastest that gives the same embeddings.
    cache_dir : str, Path or UPath, optional
        The cache folder; None keeps nothing.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> model = make_pipeline(Embedder("resnet50"), LogisticRegression())
    """

    def __init__(
        self,
        backbone: str = "mobilenetv2",
        *,
        image_size: int | None = None,
        pooling: str = "avg",
        layer: str | None = None,
        weights: str = "imagenet",
        precision: str = AUTO,
        resize: Resize = SQUASH,
        batch_size: int | None = None,
        engine: str = AUTO,
        cache_dir: Location | None = "cache",
    ) -> None:
        self.backbone = backbone
        self.image_size = image_size
        self.pooling = pooling
        self.layer = layer
        self.weights = weights
        self.precision = precision
        self.resize = resize
        self.batch_size = batch_size
        self.engine = engine
        self.cache_dir = cache_dir

    def fit(self, X: Any = None, y: Any = None) -> Self:  # noqa: ARG002  nothing to learn
        """Check the backbone's name and return the transformer; no image is read.

        Raises
        ------
        BackboneError
            There is no such backbone.
        """
        find_backbone(self.backbone)
        return self

    def transform(
        self, X: Sequence[str | Path] | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Embed images.

        Parameters
        ----------
        X : sequence of str or Path, or ndarray of uint8, shape (n, height, width, 3)

        Returns
        -------
        ndarray of float32, shape (n, d)

        Raises
        ------
        ImageError
            An image can't be read: rows must stay where they are, so that none can
            be left out.
        BackboneError, CacheError, DataError
        """
        source: Source
        if isinstance(X, np.ndarray) and X.dtype.kind not in "OU":
            source = ImageArrays(X)
        else:
            source = ImageFiles([Path(str(path)) for path in X])
        if self.cache_dir is not None:
            return self._embed(source, as_folder(self.cache_dir))
        with TemporaryDirectory(prefix="featx-") as folder:
            return self._embed(source, Path(folder))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return a name per column: the backbone and a number."""
        dim = self._extractor(None).dim
        return np.array([f"{self.backbone}_{i}" for i in range(dim)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _extractor(self, cache_dir: Address | None) -> Extractor:
        options = self.get_params()
        del options["batch_size"], options["engine"]
        if self.cache_dir is None and self.precision == AUTO:
            # What is not kept can't be followed by the next call.
            options["precision"] = "float32"
        return find_extractor(**{**options, "cache_dir": cache_dir})

    def _embed(self, source: Source, cache_dir: Address) -> NDArray[np.float32]:
        extractor = self._extractor(cache_dir)
        ((rows, extraction),) = embed_rows(
            source,
            [extractor],
            cache_dir,
            batch_size=self.batch_size,
            engine=self.engine,
        )
        if extraction.unreadable:
            row, reason = min(extraction.unreadable.items())
            raise ImageError(
                f"{source.names[row]}: {reason}"
                f" ({len(extraction.unreadable)} of {len(rows)} images unreadable)"
            )
        return rows if len(rows) else np.zeros((0, extractor.dim), np.float32)
