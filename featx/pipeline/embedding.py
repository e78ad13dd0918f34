"""Stage one, whole: from a data folder to the rows that heads are fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.embeddings import (
    DEFAULT_BATCH_SIZE,
    EmbeddingCache,
    Extraction,
    Extractor,
    ImageFiles,
    Spec,
    embed_rows,
    extract,
    find_extractor,
)
from featx.errors import DataError
from featx.images import ImageSet, split_images
from featx.pipeline.listener import SILENT, Listener


@dataclass(frozen=True)
class Embeddings:
    """Labelled embeddings, split into training and test part.

    Attributes
    ----------
    images : ImageSet
        The readable images, split; row for row with `X`.
    X : ndarray of float32, shape (n, d)
        Several backbones or sizes stand side by side.
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
    X: NDArray[np.float32]
    groups: NDArray[np.int64]
    specs: tuple[Spec, ...]
    fingerprint: str
    notes: tuple[str, ...]

    @property
    def backbone(self) -> str:
        """Names of the backbones, joined by ``+``; a size that isn't alone is told."""
        names = [spec.backbone for spec in self.specs]
        sized = [f"{s.backbone}-{s.image_size}" for s in self.specs]
        return "+".join(names if len(set(names)) == len(names) else sized)

    @property
    def weights(self) -> str:
        """Where the backbones' weights come from; ``random`` if any are random."""
        kinds = {spec.weights for spec in self.specs}
        return "random" if "random" in kinds else "+".join(sorted(kinds))

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
    batch_size: int = DEFAULT_BATCH_SIZE,
    retry: bool = False,
    listener: Listener = SILENT,
) -> list[Extraction]:
    """Compute and commit all embeddings that the cache lacks; read none.

    Raises
    ------
    CacheError, WeightsError
    """
    source = ImageFiles(images.files)
    return [
        extract(
            source,
            extractor,
            EmbeddingCache(cache_dir, extractor.spec),
            batch_size=batch_size,
            retry=retry,
            progress=listener.images(_title(extractor)),
        )
        for extractor in extractors
    ]


def embed(
    images: ImageSet,
    backbone: str | Extractor | list[Extractor],
    *,
    cache_dir: str | Path = "cache",
    test_size: float | None = None,
    seed: int = 0,
    batch_size: int = DEFAULT_BATCH_SIZE,
    listener: Listener = SILENT,
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
    cache_dir : path
    test_size : float in (0, 1), optional
        Where the data gives no test part; 0.25 by default.
    seed : int
        Of that split.

    Raises
    ------
    DataError
        No readable image is left, or the set can't be split.
    BackboneError, WeightsError, CacheError
    """
    cache_dir = Path(cache_dir)
    extractors = _extractors(backbone, cache_dir)
    source = ImageFiles(images.files)
    found = [
        embed_rows(
            source,
            extractor,
            cache_dir,
            batch_size=batch_size,
            progress=listener.images(_title(extractor)),
        )
        for extractor in extractors
    ]
    unreadable: dict[int, str] = {}
    notes: list[str] = []
    for _, extraction in found:
        unreadable.update(extraction.unreadable)
        notes.extend(extraction.notes)
    readable = np.setdiff1d(np.arange(len(images)), list(unreadable))
    notes.extend(_unreadable_note(images, unreadable))
    if not len(readable):
        raise DataError(f"{images.root}: none of {len(images)} images can be read")
    keys = source.digests.keys[readable]
    readable_images = _checked(images.take(readable))
    split = split_images(readable_images, keys, test_size=test_size, seed=seed)
    place = {path: row for row, path in enumerate(readable_images.paths)}
    kept = np.array([place[path] for path in split.paths])
    keys = keys[kept]
    return Embeddings(
        images=split,
        X=np.hstack([rows[readable][kept] for rows, _ in found]),
        groups=np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1),
        specs=tuple(extractor.spec for extractor in extractors),
        fingerprint=split.fingerprint(keys),
        notes=(*split.notes, *notes),
    )


def _extractors(
    backbone: str | Extractor | list[Extractor], cache_dir: Path
) -> list[Extractor]:
    if isinstance(backbone, str):
        return [find_extractor(backbone, cache_dir=cache_dir)]
    if isinstance(backbone, list):
        return list(backbone)
    return [backbone]


def _title(extractor: Extractor) -> str:
    return f"{extractor.spec.backbone} at {extractor.spec.image_size} pixels"


def _unreadable_note(images: ImageSet, unreadable: dict[int, str]) -> list[str]:
    if not unreadable:
        return []
    row, reason = min(unreadable.items())
    note = (
        f"{len(unreadable)} of {len(images)} images can't be read, left out"
        f" (first: {images.paths[row]}: {reason})"
    )
    return [note]


def _checked(images: ImageSet) -> ImageSet:
    """Check that every class still has readable images to train on."""
    trains = np.ones(len(images), bool) if images.is_test is None else ~images.is_test
    counts = np.bincount(images.labels[trains], minlength=len(images.classes))
    for code in np.flatnonzero(counts == 0):
        raise DataError(
            f"{images.root}: no readable training image of '{images.classes[code]}';"
            " mend its files or take the class out"
        )
    if images.is_test is not None and not images.is_test.any():
        raise DataError(f"{images.root}: no readable image in the test part")
    return images
