"""A frozen backbone with its weights: what embeds images, and the spec of it."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from featx.embeddings.backbones import Backbone, find_backbone
from featx.embeddings.engine import Engine, open_engine
from featx.embeddings.spec import Spec
from featx.embeddings.weights import Weights, resolve_weights
from featx.errors import BackboneError

POOLINGS = ("avg", "max")

WEIGHTS_MEMO = "weights.json"


class Extractor(Protocol):
    """Something that can embed images; opened only when there are any to embed."""

    @property
    def spec(self) -> Spec:
        """What decides the embeddings' values."""

    @property
    def dim(self) -> int:
        """Width of an embedding."""

    def open(self) -> Engine:
        """Load the model; this may take seconds."""


@dataclass(frozen=True)
class KerasExtractor:
    """A backbone of Keras Applications with its weights.

    Making one looks up which weights there are, without importing a framework.
    """

    backbone: Backbone
    weights: Weights
    image_size: int
    pooling: str

    @property
    def spec(self) -> Spec:
        """What decides the embeddings' values."""
        return Spec(
            backbone=self.backbone.name,
            image_size=self.image_size,
            pooling=self.pooling,
            weights=self.weights.kind,
            weights_id=_weights_id(self.weights),
        )

    @property
    def dim(self) -> int:
        """Width of an embedding."""
        return self.backbone.features

    def open(self) -> Engine:
        """Build the Keras model and its graph; a second call finds it built."""
        return _open(self)


def find_extractor(
    backbone: str,
    *,
    image_size: int | None = None,
    pooling: str = "avg",
    weights: str = "imagenet",
    seed: int = 0,
    cache_dir: Path | None = None,
) -> KerasExtractor:
    """Return the extractor that these words name.

    Parameters
    ----------
    backbone : str
        Name in the table of backbones.
    image_size : int, optional
        Side in pixels; the backbone's own where None.
    pooling : {"avg", "max"}
    weights : str
        ``imagenet``, ``random`` or the path of a weights file.
    seed : int
        Of random weights.
    cache_dir : Path, optional
        Where the digests of weights files are remembered.

    Raises
    ------
    BackboneError
        No such backbone or pooling, or too small a size.
    WeightsError
        The weights are not there and can't be fetched.
    """
    row = find_backbone(backbone)
    size = row.image_size if image_size is None else image_size
    if size < row.min_size:
        raise BackboneError(
            f"--image-size {size}: {row.name} needs at least {row.min_size} pixels"
        )
    if pooling not in POOLINGS:
        raise BackboneError(f"--pooling {pooling}: expected {' or '.join(POOLINGS)}")
    memo = None if cache_dir is None else cache_dir / WEIGHTS_MEMO
    found = resolve_weights(row, weights, seed=seed, memo=memo)
    return KerasExtractor(row, found, size, pooling)


def _weights_id(weights: Weights) -> str:
    if weights.sha256 is not None:
        return weights.sha256
    return f"seed {weights.seed}, keras {version('keras')}"


@lru_cache(maxsize=1)  # one at a time: a large backbone takes gigabytes
def _open(extractor: KerasExtractor) -> Engine:
    size = (extractor.image_size, extractor.image_size)
    return open_engine(extractor.backbone, extractor.weights, size, extractor.pooling)
