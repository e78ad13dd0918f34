"""Stage one, whole: from a data folder to the rows that heads are fitted on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address, Location, as_folder
from featx.embeddings.backbones.extractor import (
    AUTO,
    Extractor,
    KerasExtractor,
    find_extractor,
)
from featx.embeddings.backbones.keras_model import find_map_shape
from featx.embeddings.extract import Extraction, embed_rows, embed_rows_anyway
from featx.embeddings.settings import ExtractSettings
from featx.embeddings.spec import Spec
from featx.errors import RecipeError
from featx.images.decode_ahead import USUAL, Decoders
from featx.images.image_set import ImageSet, Split, split_images
from featx.images.sources import ImageFiles, Source
from featx.progress import SILENT, Progress
from featx.scratch import EMBEDDINGS, allocate, folder_for_scratch

COPIED = 4096
"""Rows that are copied at a time."""

Wanted = str | ExtractSettings | Extractor
"""The name of a backbone, settings of an extraction, or what does it."""


@dataclass(frozen=True, eq=False, repr=False)
class Embeddings:
    """Labelled embeddings, in a training and a test split.

    Attributes
    ----------
    split : Split
        The readable images, split.
    views : ndarray of float32, shape (n, views, d)
        The original images, then the flipped ones where they were asked for; several
        backbones or sizes stand side by side. Row for row with `images`.
    specs : tuple of Spec
        What decided the values.
    notes : tuple of str
        What was left out or looks wrong, one line each.
    scratch_dir : Path or None
        Where copies of rows go that lie in a file, as `views` do where they are large.
    """

    split: Split
    views: NDArray[np.float32]
    specs: tuple[Spec, ...]
    notes: tuple[str, ...]
    scratch_dir: Path | None = None

    def __repr__(self) -> str:
        return f"Embeddings('{self.images.root}', {self._summary})"

    def _repr_html_(self) -> str:
        """Return a table of the specs, for notebooks."""
        rows = "".join(f"<tr><td>{escape(str(spec))}</td></tr>" for spec in self.specs)
        root = escape(str(self.images.root))
        return (
            f"<p><b>Embeddings</b> of {root}: {self._summary}</p>"
            f"<table><tr><th>spec</th></tr>{rows}</table>"
        )

    @property
    def _summary(self) -> str:
        count, views, width = self.views.shape
        flipped = ", original and flipped" if views > 1 else ""
        return (
            f"{self.backbone}, {count} images x {width}{flipped},"
            f" {len(self.train)} train + {len(self.test)} test"
        )

    @property
    def images(self) -> ImageSet:
        """The readable images, row for row with `views`."""
        return self.split.images

    @property
    def train(self) -> NDArray[np.intp]:
        """Rows of the training images."""
        return self.split.train

    @property
    def test(self) -> NDArray[np.intp]:
        """Rows of the test images."""
        return self.split.test

    @property
    def X(self) -> NDArray[np.float32]:  # noqa: N802
        """Embeddings of the original images, shape (n, d)."""
        original: NDArray[np.float32] = self.views[:, 0]
        return original

    def take(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return views of some images, shape (m, views, d), in a file as all are."""
        if not isinstance(self.views, np.memmap):
            return self.views[rows]
        shape = (len(rows), *self.views.shape[1:])
        taken = allocate(shape, np.float32, self.scratch_dir, EMBEDDINGS, memory=0)
        _copy_rows(self.views, rows, taken)
        return taken

    @property
    def backbone(self) -> str:
        """Names of the backbones, joined by ``+``.

        With ``-crop`` or ``-pad`` where images aren't squashed, and with sizes where
        one has several.
        """
        specs = self._originals
        names = [spec.backbone + spec.view.suffix for spec in specs]
        sized = [
            f"{spec.backbone}-{spec.image_size}{spec.view.suffix}" for spec in specs
        ]
        return "+".join(names if len(set(names)) == len(names) else sized)

    @property
    def _originals(self) -> list[Spec]:
        return [spec for spec in self.specs if not spec.flip]

    @property
    def weights(self) -> str:
        """Where the backbones' weights come from; ``random`` if any are random."""
        kinds = {spec.weights for spec in self.specs}
        return "random" if "random" in kinds else "+".join(sorted(kinds))

    @property
    def map_shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels of the rows' maps; None where they are none.

        Several backbones or sizes side by side are no map.
        """
        specs = self._originals
        if len(specs) > 1:
            return None
        return find_map_shape(specs[0], self.views.shape[2])

    @property
    def rows_are(self) -> str:
        """What the rows are where they are no maps, in a few words."""
        specs = self._originals
        if len(specs) > 1:
            return f"{len(specs)} embeddings side by side"
        if specs[0].pooling != "none":
            return f"{specs[0].pooling} pooling"
        return f"layer '{specs[0].layer}', which has no places"


def embed(
    images: ImageSet,
    backbones: Wanted | Sequence[Wanted],
    *,
    flip: bool = False,
    cache_dir: Location = "cache",
    batch_size: int | None = None,
    engine: str = AUTO,
    decoders: Decoders = USUAL,
    memory: int | None = None,
    progress: Progress = SILENT,
) -> Embeddings:
    """Return an image set's embeddings, computing those that the cache lacks.

    Images that can't be read are left out and noted. The split is that of the image
    set: `images.train` and `images.test`, of which no image changes sides.

    Parameters
    ----------
    images : ImageSet
    backbones : str, ExtractSettings or Extractor, or a sequence of these
        A name in the table of backbones (`featx backbones`), settings, or what
        `find_extractor` returned; several are put side by side.
    flip : bool
        Embed the flipped view as well.
    cache_dir : str, Path or UPath
    batch_size : int, optional
        Images per run of a model; by default what suits the memory.
    engine : {"auto", "tensorflow", "jax", "torch", "litert", "openvino"}
        What runs the model; ``auto``: the fastest that gives the same embeddings.
    decoders : Decoders
        What decodes the images.
    memory : int, optional
        Bytes; embeddings that take more are a `numpy.memmap` of a temporary file, which
        heads learn from in portions. By default a quarter of the free memory.

    Raises
    ------
    DataError
        No readable image is left, or the set can't be split.
    BackboneError, WeightsError, CacheError

    Examples
    --------
    >>> embeddings = embed(read_images("data"), ["resnet50", "mobilenetv2"])
    """
    cache_dir = as_folder(cache_dir)
    extractors = find_extractors(backbones, cache_dir, flip=flip)
    found = embed_rows(
        ImageFiles(images.files, images.digests),
        extractors,
        cache_dir,
        batch_size=batch_size,
        engine=engine,
        decoders=decoders,
        memory=memory,
        update=progress.images(title_of(extractors)),
    )
    unreadable: dict[int, str] = {}
    notes: list[str] = []
    for _, extraction in found:
        unreadable.update(extraction.unreadable)
        notes.extend(extraction.notes)
    split = split_images(images, images.digests, unreadable)
    scratch_dir = folder_for_scratch(cache_dir)
    return Embeddings(
        split=split,
        views=side_by_side(found, split.rows, memory=memory, scratch_dir=scratch_dir),
        scratch_dir=scratch_dir,
        specs=tuple(extraction.spec for _, extraction in found),
        notes=tuple(dict.fromkeys([*split.notes, *notes])),
    )


def find_extractors(
    wanted: Wanted | Sequence[Wanted], cache_dir: Address, *, flip: bool = False
) -> list[Extractor]:
    """Return what computes the wanted embeddings, each once.

    Parameters
    ----------
    wanted : str, ExtractSettings or Extractor, or a sequence of these
    cache_dir : Path or UPath
    flip : bool
        Follow each by that of the flipped view; so does `flip` of the settings. The two
        share a model, which is kept in memory while one follows the other.

    Raises
    ------
    RecipeError
        The flipped view is wanted of some only: the two views would differ in width.
    BackboneError, WeightsError
    """
    if isinstance(wanted, str) or not isinstance(wanted, Sequence):
        wanted = [wanted]
    flips = {item.flip for item in wanted if isinstance(item, ExtractSettings)}
    if len(flips) > 1:
        raise RecipeError("extract.flip: true for some backbones only; set it for all")
    extractors = [
        _find_extractor(item, cache_dir)
        for i, item in enumerate(wanted)
        if not isinstance(item, ExtractSettings) or item not in wanted[:i]
    ]
    if not (flip or True in flips):
        return extractors
    return [view for one in extractors for view in (one, one.flipped())]


def _find_extractor(wanted: Wanted, cache_dir: Address) -> Extractor:
    if isinstance(wanted, str):
        return find_extractor(wanted, cache_dir=cache_dir)
    if isinstance(wanted, ExtractSettings):
        options = wanted.model_dump(exclude={"flip"})
        return find_extractor(**options, cache_dir=cache_dir)
    return wanted


def side_by_side(
    found: Sequence[tuple[NDArray[np.float32], Extraction]],
    rows: NDArray[np.intp],
    *,
    memory: int | None = None,
    scratch_dir: Path | None = None,
) -> NDArray[np.float32]:
    """Return embeddings, shape (n, views, d): backbones and sizes side by side.

    Those of one backbone are not copied where all rows are taken.

    Parameters
    ----------
    found : sequence of (ndarray of float32, Extraction)
    rows : ndarray of int, shape (n,)
        Which are taken.
    memory, scratch_dir
        From which size on they lie in a file, and where; see `allocate`.
    """
    if len(found) == 1 and np.array_equal(rows, np.arange(len(found[0][0]))):
        return found[0][0][:, None]
    flips = sorted({extraction.spec.flip for _, extraction in found})
    width = sum(X.shape[1] for X, _ in found) // len(flips)
    shape = (len(rows), len(flips), width)
    views = allocate(shape, np.float32, scratch_dir, EMBEDDINGS, memory=memory)
    filled = dict.fromkeys(flips, 0)
    for X, extraction in found:
        flip = extraction.spec.flip
        start, filled[flip] = filled[flip], filled[flip] + X.shape[1]
        _copy_rows(X, rows, views[:, flips.index(flip), start : filled[flip]])
    return views


def _copy_rows(
    source: NDArray[np.float32], rows: NDArray[np.intp], target: NDArray[np.float32]
) -> None:
    """Copy rows without ever holding all of them: both may lie in files."""
    for first in range(0, len(rows), COPIED):
        some = slice(first, first + COPIED)
        target[some] = source[rows[some]]


def in_float32(extractors: Iterable[KerasExtractor]) -> tuple[KerasExtractor, ...]:
    """Return extractors of the same embeddings in float32, as in joined models."""
    return tuple(replace(one, precision="float32") for one in extractors)


def float32_views(
    source: Source,
    extractors: Sequence[Extractor],
    cache_dir: Address,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return the embeddings of test images, shape (n, views, d).

    Those that the cache lacks are computed. All images must be readable.

    Parameters
    ----------
    source : Source
    extractors : sequence of Extractor
        In float32.
    cache_dir : Path or UPath
    progress : Progress
    """
    update = progress.images("float32 embeddings of the test images")
    found = embed_rows_anyway(source, extractors, cache_dir, update=update)
    return side_by_side(found, np.arange(len(source.names)))


def title_of(extractors: Sequence[Extractor]) -> str:
    """Name the embeddings that are computed, for a progress bar."""
    if len(extractors) == 1:
        return str(extractors[0].spec)
    return f"{len(extractors)} embeddings of each image"
