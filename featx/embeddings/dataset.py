"""Stage one, whole: from a data folder to the rows that heads are fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import Extractor, find_extractor
from featx.embeddings.backbones.feature_maps import find_map_shape
from featx.embeddings.extract import Extraction, embed_rows, extract
from featx.embeddings.spec import Spec
from featx.images.image_set import ImageSet
from featx.images.sources import ImageFiles
from featx.images.usable import split_readable
from featx.progress import SILENT, Progress


@dataclass(frozen=True)
class Embeddings:
    """Labelled embeddings, split into training and test part.

    Attributes
    ----------
    images : ImageSet
        The readable images, split; row for row with `views`.
    views : ndarray of float32, shape (n, views, d)
        The images as they are, then mirrored where that was asked for; several
        backbones or sizes stand side by side.
    keys : ndarray of uint8, shape (n, 32)
        SHA-256 of each image file.
    groups : ndarray of int, shape (n,)
        Images with the same content have the same number.
    specs : tuple of Spec
        What decided the values.
    fingerprint : str
        Of the images' content, labels and split.
    notes : tuple of str
        What a reader of any score should know.
    """

    images: ImageSet
    views: NDArray[np.float32]
    keys: NDArray[np.uint8]
    groups: NDArray[np.int64]
    specs: tuple[Spec, ...]
    fingerprint: str
    notes: tuple[str, ...]

    @property
    def X(self) -> NDArray[np.float32]:  # noqa: N802
        """Embeddings of the images as they are, shape (n, d)."""
        upright: NDArray[np.float32] = self.views[:, 0]
        return upright

    @property
    def backbone(self) -> str:
        """Names of the backbones, joined by ``+``; a size that isn't alone is told."""
        upright = [spec for spec in self.specs if not spec.flip]
        names = [spec.backbone for spec in upright]
        sized = [f"{spec.backbone}-{spec.image_size}" for spec in upright]
        return "+".join(names if len(set(names)) == len(names) else sized)

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
        specs = [spec for spec in self.specs if not spec.flip]
        if len(specs) > 1:
            return None
        return find_map_shape(specs[0], self.views.shape[2])

    @property
    def rows_are(self) -> str:
        """What the rows are where they are no maps, in a few words."""
        specs = [spec for spec in self.specs if not spec.flip]
        if len(specs) > 1:
            return f"{len(specs)} embeddings side by side"
        if specs[0].pooling != "none":
            return f"{specs[0].pooling} pooling"
        return f"layer '{specs[0].layer}', which has no places"

    @property
    def train(self) -> NDArray[np.intp]:
        """Rows of the training part."""
        return np.flatnonzero(~self._is_test)

    @property
    def test(self) -> NDArray[np.intp]:
        """Rows of the test part."""
        return np.flatnonzero(self._is_test)

    @property
    def _is_test(self) -> NDArray[np.bool_]:
        assert self.images.is_test is not None
        return self.images.is_test


def extract_all(
    images: ImageSet,
    extractors: Sequence[Extractor],
    cache_dir: Path,
    *,
    flip: bool = False,
    batch_size: int | None = None,
    retry: bool = False,
    progress: Progress = SILENT,
) -> list[Extraction]:
    """Compute and commit all embeddings that the cache lacks; read none.

    Raises
    ------
    BackboneError, CacheError, WeightsError
    """
    extractors = _with_mirrored(extractors, flip=flip)
    return extract(
        ImageFiles(images.files),
        extractors,
        cache_dir,
        batch_size=batch_size,
        retry=retry,
        update=progress.images(title_of(extractors)),
    )


def embed(
    images: ImageSet,
    backbone: str | Extractor | list[Extractor],
    *,
    flip: bool = False,
    cache_dir: str | Path = "cache",
    test_size: float | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    progress: Progress = SILENT,
) -> Embeddings:
    """Return an image set's embeddings, computing those that the cache lacks.

    Images that can't be read are left out and noted. A set without a test part gets
    one, stratified; see `split_images`.

    Parameters
    ----------
    images : ImageSet
    backbone : str, or one or several extractors
        A name of the table of backbones, or what `find_extractor` returned; several
        are put side by side.
    flip : bool
        Embed the mirrored view as well.
    cache_dir : path
    test_size : float in (0, 1), optional
        Where the data gives no test part; 0.25 by default.
    seed : int
        Of that split.
    batch_size : int, optional
        Images per run of a model; by default what suits the memory.

    Raises
    ------
    DataError
        No readable image is left, or the set can't be split.
    BackboneError, WeightsError, CacheError
    """
    cache_dir = Path(cache_dir)
    extractors = _with_mirrored(_extractors(backbone, cache_dir), flip=flip)
    source = ImageFiles(images.files)
    found = embed_rows(
        source,
        extractors,
        cache_dir,
        batch_size=batch_size,
        update=progress.images(title_of(extractors)),
    )
    unreadable: dict[int, str] = {}
    notes: list[str] = []
    for _, extraction in found:
        unreadable.update(extraction.unreadable)
        notes.extend(extraction.notes)
    split = split_readable(
        images, source.digests.keys, unreadable, test_size=test_size, seed=seed
    )
    return Embeddings(
        images=split.images,
        views=side_by_side(found, split.rows),
        keys=split.keys,
        groups=split.groups,
        specs=tuple(extraction.spec for _, extraction in found),
        fingerprint=split.fingerprint,
        notes=(*split.images.notes, *dict.fromkeys([*notes, *split.notes])),
    )


def _extractors(
    backbone: str | Extractor | list[Extractor], cache_dir: Path
) -> list[Extractor]:
    if isinstance(backbone, str):
        return [find_extractor(backbone, cache_dir=cache_dir)]
    return backbone if isinstance(backbone, list) else [backbone]


def _with_mirrored(extractors: Sequence[Extractor], *, flip: bool) -> list[Extractor]:
    """Return extractors, each followed by that of the mirrored view if wanted.

    The two share a model, which is kept while one follows the other.
    """
    if not flip:
        return list(extractors)
    return [view for one in extractors for view in (one, one.mirrored())]


def side_by_side(
    found: Sequence[tuple[NDArray[np.float32], Extraction]], rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return embeddings, shape (n, views, d): backbones and sizes side by side."""
    flips = sorted({extraction.spec.flip for _, extraction in found})
    width = sum(X.shape[1] for X, _ in found) // len(flips)
    views = np.empty((len(rows), len(flips), width), np.float32)
    filled = dict.fromkeys(flips, 0)
    for X, extraction in found:
        flip = extraction.spec.flip
        start, filled[flip] = filled[flip], filled[flip] + X.shape[1]
        views[:, flips.index(flip), start : filled[flip]] = X[rows]
    return views


def title_of(extractors: Sequence[Extractor]) -> str:
    """Say which embeddings are computed, for a progress bar."""
    if len(extractors) == 1:
        return str(extractors[0].spec)
    return f"{len(extractors)} embeddings an image"
