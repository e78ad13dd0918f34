"""A frozen backbone with its weights: what embeds images, and the spec of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from featx.addresses import Address
from featx.embeddings.backbones.table import Backbone, find_backbone
from featx.embeddings.backbones.weights import Weights, resolve_weights
from featx.embeddings.engines.table import (
    Engine,
    EngineModule,
    default_engine,
    find_engine,
)
from featx.embeddings.spec import Spec
from featx.errors import BackboneError
from featx.images.resizing import RESIZED, SQUASH, Resize
from featx.keras_backend import keras_backend

POOLINGS = ("avg", "max", "none")

AUTO = "auto"
PRECISIONS = (AUTO, "float32", "bfloat16", "float16")
"""``auto`` is decided when there is something to compute, once per spec."""

WEIGHTS_MEMO = "weights.json"


class Extractor(Protocol):
    """Something that can embed images; opened only when there are any to embed."""

    @property
    def spec(self) -> Spec:
        """What decides the embeddings' values."""

    @property
    def dim(self) -> int:
        """Width of an embedding."""

    def flipped(self) -> "Extractor":
        """Return what embeds the flipped view of images."""

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
    pooling: str = "avg"
    layer: str | None = None
    flip: bool = False
    precision: str = "float32"
    engine: str = AUTO
    stretch: bool = False
    resize: Resize = SQUASH
    models: Path | None = None
    """The cache folder, where converted models are kept."""

    @property
    def spec(self) -> Spec:
        """What decides the embeddings' values."""
        return Spec(
            backbone=self.backbone.name,
            image_size=self.image_size,
            pooling=self.pooling,
            layer=self.layer,
            flip=self.flip,
            weights=self.weights.kind,
            weights_id=self.weights.sha256 or _random_id(self.weights.seed or 0),
            precision=self.precision,
            stretch=self.stretch,
            resize=self.resize,
        )

    @property
    def network(self) -> "KerasExtractor":
        """The same network; all that doesn't change it is as by default."""
        return KerasExtractor(
            self.backbone, self.weights, self.image_size, self.pooling, self.layer
        )

    @property
    def dim(self) -> int:
        """Width of an embedding; inner layers and whole maps need the model for it."""
        if self.layer or self.pooling == "none":
            return replace(self, precision="float32").open().dim
        return self.backbone.features

    def flipped(self) -> "KerasExtractor":
        """Return what embeds the flipped view of images."""
        return replace(self, flip=True)

    def open(self) -> Engine:
        """Load the model; a second call finds it loaded.

        Raises
        ------
        BackboneError
            There is no such layer, or this machine can't compute in the precision.
        WeightsError
            The file doesn't fit the backbone.
        """
        # What was left open and not chosen yet is computed as the reference is.
        is_open = self.precision == AUTO
        return self.engine_module().open_engine(
            replace(self, precision="float32") if is_open else self
        )

    def engine_module(self) -> EngineModule:
        """Return the module of the engine; that of Keras' backend where it is open.

        Raises
        ------
        BackboneError
            The engine can't run on this machine.
        """
        engine = default_engine() if self.engine == AUTO else self.engine
        module = find_engine(engine)
        needed = module.missing()
        if needed:
            raise BackboneError(f"--engine {engine}: {needed}")
        return module


def find_extractor(
    backbone: str,
    *,
    image_size: int | None = None,
    pooling: str = "avg",
    layer: str | None = None,
    weights: str = "imagenet",
    precision: str = AUTO,
    stretch: bool = False,
    resize: Resize = SQUASH,
    seed: int = 0,
    cache_dir: Address | None = None,
) -> KerasExtractor:
    """Return the extractor of a backbone with its weights.

    Parameters
    ----------
    backbone : str
        Name in the table of backbones.
    image_size : int, optional
        Side in pixels; the backbone's own where None.
    pooling : {"avg", "max", "none"}
        Mean or maximum over the last feature map, or all of it as one row.
    layer : str, optional
        Take this inner layer's output, by Keras' name, instead of the last one's.
    weights : str
        ``imagenet``, ``random`` or the path of a weights file.
    precision : {"auto", "float32", "bfloat16", "float16"}
        Arithmetic of the model; ``auto`` is what the cache has, else the faster one
        that gives the same embeddings.
    stretch : bool
        Whether 16-bit grey goes from its darkest to its brightest pixel.
    resize : {"squash", "crop", "pad"}
        How images become squares.
    seed : int
        Of random weights.
    cache_dir : Path, optional
        Where the digests of weights files are remembered.

    Raises
    ------
    BackboneError
        No such backbone, pooling, precision or way to resize, or too small a size.
    WeightsError
        The weights are not there and can't be fetched.
    """
    row = find_backbone(backbone)
    size = row.image_size if image_size is None else image_size
    if size < row.min_size:
        raise BackboneError(
            f"--image-size {size}: {row.name} needs at least {row.min_size} pixels"
        )
    _check_word("--pooling", pooling, POOLINGS)
    _check_word("--precision", precision, PRECISIONS)
    _check_word("--resize", resize, tuple(RESIZED))
    memo = None if cache_dir is None else cache_dir / WEIGHTS_MEMO
    found = resolve_weights(row, weights, seed=seed, memo=memo)
    return KerasExtractor(
        row,
        found,
        size,
        pooling,
        layer,
        precision=precision,
        stretch=stretch,
        resize=resize,
    )


def _check_word(option: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise BackboneError(f"{option} {word}: expected one of {', '.join(known)}")


def find_by_spec(
    spec: Spec, *, weights: Sequence[Path] = (), memo: Address | None = None
) -> KerasExtractor:
    """Return the extractor that computes a spec, with the very weights it names.

    Parameters
    ----------
    weights : sequence of Path
        Files to look for a user's own weights in.
    memo : Path or UPath, optional
        The cache folder, where digests of weights files are remembered.

    Raises
    ------
    BackboneError, WeightsError
        This featx, machine or weights file computes something else; the message says
        what, in a few words.
    """
    words = [spec.weights]
    if spec.weights == "file":
        words = [str(path) for path in weights]
    found = [_named(spec, word, memo) for word in words]
    for extractor in found:
        if extractor.spec == spec:
            return extractor
    if spec.weights == "file":
        given = "none of the files given by" if found else "name their file by"
        raise BackboneError(
            f"weights of SHA-256 {spec.weights_id[:8]}...: {given} --weights"
        )
    now = found[0].spec
    if now.pixels != spec.pixels:
        raise BackboneError("another version of featx decoded its images")
    if spec.weights == "random":
        raise BackboneError(f"random weights of {spec.weights_id}")
    raise BackboneError("its ImageNet weights were another file")


def _named(spec: Spec, weights: str, memo: Address | None) -> KerasExtractor:
    extractor = find_extractor(
        spec.backbone,
        image_size=spec.image_size,
        pooling=spec.pooling,
        layer=spec.layer,
        weights=weights,
        precision=spec.precision,
        stretch=spec.stretch,
        resize=spec.resize,
        seed=_seed(spec),
        cache_dir=memo,
    )
    return extractor.flipped() if spec.flip else extractor


def _random_id(seed: int) -> str:
    """Name random weights; each of Keras' backends draws its own from a seed."""
    backend = keras_backend()
    drawn = "" if backend == "tensorflow" else f", {backend}"
    return f"seed {seed}, keras {version('keras')}{drawn}"


def _seed(spec: Spec) -> int:
    """Return the seed of random weights, written as ``seed 0, keras 3.15.1``."""
    seed = spec.weights_id.removeprefix("seed ").split(",")[0]
    return int(seed) if spec.weights == "random" and seed.isdecimal() else 0
