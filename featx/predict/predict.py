"""Classify image files with a run or with a network trained on ImageNet."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.imagenet import build_classifier, imagenet_classes
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.dataset import side_by_side, title_of
from featx.embeddings.extract import embed_rows_anyway
from featx.errors import DataError
from featx.heads.views import ViewsHead
from featx.images.arrays import read_views
from featx.images.resizing import SQUASH, Resize
from featx.images.sources import ImageFiles, View
from featx.images.walking import image_files, unread_files
from featx.predict.predictions import Predictions
from featx.progress import SILENT, Progress, Update
from featx.runs.find import extractors_of, find_run
from featx.runs.run import Run
from featx.training.batches import Samples
from featx.training.predict import make_predictor

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 64

CHUNK = 512
"""Images that are decoded at a time for a Keras model: there may be millions."""

Images = str | Path | Sequence[str | Path]
"""Image files, and folders for all images in them."""


def predict(
    run: Run | str | Path,
    images: Images,
    *,
    cache_dir: str | Path = "cache",
    out_dir: str | Path = "reports",
    weights: Sequence[str | Path] = (),
    batch_size: int | None = None,
    trust: bool = False,
    progress: Progress = SILENT,
) -> Predictions:
    """Classify images with a run: a head, a network or a fine-tuned model.

    Embeddings in the cache are not computed again; others are kept there if it can be
    written to.

    Parameters
    ----------
    run : Run, str or Path
        The run, its folder, or its name in `out_dir`.
    images : str, Path, or sequence of these
        Image files, and folders for all images in them.
    cache_dir : str or Path
        Folder of the embeddings cache.
    out_dir : str or Path
        Folder of the runs.
    weights : sequence of str or Path
        Weights files that the run's embeddings were computed with.
    batch_size : int, optional
        Images per run of the model.
    trust : bool
        Whether to load the head of a run of featx 0.2 or older, a pickle, which can
        run code: only if you trust its source.
    progress : Progress

    Returns
    -------
    Predictions

    Raises
    ------
    DataError
        A path is missing, or no image can be read.
    RunError
        There is no such run, its head can't be loaded, or its embeddings can't be
        computed here.
    CacheError
    """
    run = find_run(Path(out_dir), run, trust=trust)
    files, unread = find_images(images), _unread(images)
    if run.has_model:
        model, update = run.load_model(), progress.images(run.title)
        found = _predict_with(model, run.views, run.classes, files, batch_size, update)
        return replace(found, notes=unread)
    cache_dir = Path(cache_dir)
    extractors = extractors_of(run, [Path(path) for path in weights], cache_dir)
    head = ViewsHead(run.load_head())
    embedded = embed_rows_anyway(
        ImageFiles(files),
        extractors,
        cache_dir,
        batch_size=batch_size,
        update=progress.images(title_of(extractors)),
    )
    unreadable: dict[int, str] = {}
    for _, extraction in embedded:
        unreadable.update(extraction.unreadable)
    return _predictions(
        run.classes,
        files,
        unreadable,
        lambda readable: head.predict_proba(side_by_side(embedded, readable)),
        notes=dict.fromkeys(
            [*unread, *(note for _, done in embedded for note in done.notes)]
        ),
    )


def predict_imagenet(
    backbone: str,
    images: Images,
    *,
    resize: Resize = SQUASH,
    batch_size: int | None = None,
    progress: Progress = SILENT,
) -> Predictions:
    """Classify images into ImageNet's 1000 classes with a pretrained network.

    The weights of ``efficientnetlite0`` to ``efficientnetlite2`` hold the classifier.
    Those of the others are downloaded the first time: they are other files than the
    ones that embeddings are computed with.

    Parameters
    ----------
    backbone : str
        A row of `BACKBONES`.
    resize : {"squash", "crop", "pad"}
        How images become squares.
    images, batch_size, progress
        See `predict`.

    Returns
    -------
    Predictions

    Raises
    ------
    BackboneError
        There is no such backbone.
    WeightsError
        Its weights are not here and can't be fetched.
    DataError
        A path is missing, or no image can be read.
    """
    row = find_backbone(backbone)
    files = find_images(images)
    classes = imagenet_classes()
    update = progress.images(f"{row.name} on ImageNet")
    model = build_classifier(row)
    views = [View(row.image_size, resize=resize)]
    found = _predict_with(model, views, classes, files, batch_size, update)
    return replace(found, notes=_unread(images))


def _predict_with(
    model: "keras.Model",
    views: Sequence[View],
    classes: Sequence[str],
    files: Sequence[Path],
    batch_size: int | None,
    update: Update,
) -> Predictions:
    """Classify images with a Keras model from uint8 images to probabilities."""
    predictor = make_predictor(model, batch_size=batch_size or BATCH_SIZE)
    unreadable: dict[int, str] = {}
    found = []
    for start in range(0, len(files), CHUNK):
        update(start, len(files))
        samples, reasons = _decode(files[start : start + CHUNK], views)
        unreadable.update({start + row: why for row, why in reasons.items()})
        if len(samples):
            found.append(predictor(samples))
    update(len(files), len(files))
    return _predictions(classes, files, unreadable, lambda _: np.concatenate(found))


def _decode(
    files: Sequence[Path], views: Sequence[View]
) -> tuple[Samples, dict[int, str]]:
    """Decode images for each view that a model takes; return why some can't be read."""
    arrays, unreadable = read_views(ImageFiles(files), views)
    rows = np.setdiff1d(np.arange(len(files)), list(unreadable))
    return Samples(tuple(arrays), rows), unreadable


def _predictions(
    classes: Sequence[str],
    files: Sequence[Path],
    unreadable: Mapping[int, str],
    predict_rows: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    *,
    notes: Iterable[str] = (),
) -> Predictions:
    """Return the predictions for the images that can be read.

    Raises
    ------
    DataError
        No image can be read.
    """
    readable = np.setdiff1d(np.arange(len(files)), list(unreadable))
    if not len(readable):
        row, reason = min(unreadable.items())
        raise DataError(
            f"none of {len(files)} images can be read (first: {files[row]}: {reason})"
        )
    return Predictions(
        classes=tuple(classes),
        files=tuple(files[row] for row in readable),
        probabilities=predict_rows(readable),
        unreadable={files[row]: reason for row, reason in sorted(unreadable.items())},
        notes=tuple(notes),
    )


def find_images(images: Images) -> list[Path]:
    """Return the files as they are named, and the images in the folders, each once.

    Raises
    ------
    DataError
        A path is missing, or there is no image at all.
    """
    paths = _paths(images)
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(image_files(path)))
        elif path.exists():
            found[path] = None
        else:
            raise DataError(f"{path}: no such file or folder")
    if not found:
        where = ", ".join(map(str, paths)) or "no path"
        but = "".join(f" but {note}" for note in _unread(images))
        raise DataError(f"{where}: no images there{but}")
    return list(found)


def _unread(images: Images) -> tuple[str, ...]:
    """Return notes about files in the folders that can't be read."""
    folders = [path for path in _paths(images) if path.is_dir()]
    return tuple(note for folder in folders for note in unread_files(folder))


def _paths(images: Images) -> list[Path]:
    given = [images] if isinstance(images, str | Path) else images
    return [Path(path) for path in given]
