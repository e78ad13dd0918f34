"""Classify image files with a run or with a network trained on ImageNet."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address, Location, as_folder
from featx.embeddings.backbones.imagenet import build_classifier, imagenet_classes
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.dataset import side_by_side, title_of
from featx.embeddings.engines.table import MODEL_RUNS
from featx.embeddings.extract import embed_rows_anyway
from featx.errors import DataError
from featx.frameworks import need_tensorflow
from featx.heads.views import ViewsHead
from featx.images.arrays import Decoded, decoded_ahead, images_ahead
from featx.images.packed.find import data_path
from featx.images.prefetch import prefetch
from featx.images.resizing import SQUASH, Resize
from featx.images.sources import ImageFiles, View
from featx.images.walking import image_files, unread_files
from featx.keras_backend import keras_backend
from featx.predict.predictions import Predictions
from featx.progress import SILENT, Progress, Update
from featx.runs.find import extractors_of, find_run
from featx.runs.run import Run
from featx.training.predict import normal, traced, untraced

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 64

FREEZE_FROM, FREEZE_UP_TO = 512, 100_000_000
"""Images from which on, and parameters up to which, a model's weights become constants:
to make such a graph of ResNet50 takes a second longer."""

Images = Location | Sequence[Location]
"""Image files, and folders for all images in them."""


def predict(
    run: Run | str | Path,
    images: Images,
    *,
    cache_dir: Location = "cache",
    out_dir: str | Path = "reports",
    weights: Sequence[str | Path] = (),
    batch_size: int | None = None,
    coverage: float | None = None,
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
    images : str, Path, UPath, or sequence of these
        Image files, and folders for all images in them.
    cache_dir : str, Path or UPath
        Folder of the embeddings cache.
    out_dir : str or Path
        Folder of the runs.
    weights : sequence of str or Path
        Weights files that the run's embeddings were computed with.
    batch_size : int, optional
        Images per run of the model.
    coverage : float, optional
        Share of the images whose prediction set should contain the true class, between
        0 and 1: the sets are then among the predictions.
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
        There is no such run, its head can't be loaded, its embeddings can't be
        computed here, or it has nothing to calibrate prediction sets with.
    BackboneError
        The run is a network or a fine-tuned model, and there is no TensorFlow.
    CacheError
    """
    run = find_run(Path(out_dir), run, trust=trust)
    rule = None if coverage is None else run.set_rule(coverage)
    files, unread = find_images(images), _unread(images)
    if run.has_model:
        need_tensorflow("predicting with a trained network")
        update = progress.images(run.title)
        with _decoding(files, run.views) as decoded:
            model = run.load_model()
            found = _predict_with(
                model, decoded, files, run.classes, batch_size, update
            )
        return replace(found, notes=unread, set_rule=rule)
    cache_dir = as_folder(cache_dir)
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
    unlike: list[NDArray[np.float64]] = []
    known = run.familiarity()

    def predict_rows(readable: NDArray[np.intp]) -> NDArray[np.float64]:
        views = side_by_side(embedded, readable)
        if known is not None:
            unlike.append(known.nearer_share(known.distances_of(views)))
        return head.predict_proba(views)

    found = _predictions(
        run.classes,
        files,
        unreadable,
        predict_rows,
        notes=dict.fromkeys(
            [*unread, *(note for _, done in embedded for note in done.notes)]
        ),
    )
    return replace(found, set_rule=rule, unlike_training=unlike[0] if unlike else None)


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
    views = [View(row.image_size, resize=resize)]
    update = progress.images(f"{row.name} on ImageNet")
    with _decoding(files, views) as decoded:
        model = build_classifier(row)
        found = _predict_with(model, decoded, files, classes, batch_size, update)
    return replace(found, notes=_unread(images))


@contextlib.contextmanager
def _decoding(
    files: Sequence[Address], views: Sequence[View]
) -> Iterator[Iterator[Decoded | str]]:
    """Decode images from now on: while a model is loaded, and while it runs."""
    source, ahead = ImageFiles(files), images_ahead(views)
    with decoded_ahead(source, views, ahead=ahead) as decoded:
        yield chain([next(decoded)], decoded)  # the work begins with the first one


def _predict_with(
    model: "keras.Model",
    decoded: Iterable[Decoded | str],
    files: Sequence[Address],
    classes: Sequence[str],
    batch_size: int | None,
    update: Update,
) -> Predictions:
    """Classify images with a Keras model from uint8 images to probabilities."""
    size, total = batch_size or BATCH_SIZE, len(files)
    unreadable: dict[int, str] = {}
    batches = _batches(decoded, size, unreadable)
    first = list(islice(batches, 1))
    call = _caller(model, total, size)

    def answer(batch: _Batch) -> tuple[int, NDArray[np.float64]]:
        return batch.done, normal(call(*batch.pixels))

    found = []
    update(0, total)
    with prefetch(answer, chain(first, batches), ahead=MODEL_RUNS) as answers:
        for done, probabilities in answers:
            found.append(probabilities)
            update(done, total)
    update(total, total)
    return _predictions(classes, files, unreadable, lambda _: np.concatenate(found))


def _caller(
    model: "keras.Model", total: int, size: int
) -> Callable[..., NDArray[np.float32]]:
    """Return a model from arrays, one per input, to an array, on Keras' backend."""
    backend = keras_backend()
    if backend == "jax":
        from featx.embeddings.engines.jax import JaxEngine

        return JaxEngine(model)
    if backend == "torch":
        from featx.embeddings.engines.torch import TorchEngine

        return TorchEngine(model)
    run = untraced(model)
    if total > size:
        run = traced(model, freeze=_pays_to_freeze(model, total))

    def call(*arrays: NDArray[np.uint8]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = run(*arrays)[0].numpy()
        return probabilities

    if total > size:  # the graph is made now, not by several threads at a time
        call(*(np.zeros((1, *one.shape[1:]), np.uint8) for one in model.inputs))
    return call


def _pays_to_freeze(model: "keras.Model", images: int) -> bool:
    """Return whether constants save more time than they take, and fit in memory."""
    return images >= FREEZE_FROM and model.count_params() <= FREEZE_UP_TO


class _Batch(NamedTuple):
    """Images for a run of a model.

    Attributes
    ----------
    done : int
        How many images there were up to the last of them, unreadable ones as well.
    pixels : tuple of ndarray of uint8, each (n, side, side, 3)
        For each input of the model.
    """

    done: int
    pixels: tuple[NDArray[np.uint8], ...]


def _batches(
    decoded: Iterable[Decoded | str], size: int, unreadable: dict[int, str]
) -> Iterator[_Batch]:
    """Yield the images that could be decoded, and note why the others couldn't."""
    waiting: list[Decoded] = []
    row = -1
    for row, images in enumerate(decoded):
        if isinstance(images, str):
            unreadable[row] = images
            continue
        waiting.append(images)
        if len(waiting) == size:
            yield _Batch(row + 1, tuple(map(np.stack, zip(*waiting, strict=True))))
            waiting = []
    if waiting:
        yield _Batch(row + 1, tuple(map(np.stack, zip(*waiting, strict=True))))


def _predictions(
    classes: Sequence[str],
    files: Sequence[Address],
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


def find_images(images: Images) -> list[Address]:
    """Return the files as they are named, and the images in the folders, each once.

    Raises
    ------
    DataError
        A path is missing, or there is no image at all.
    """
    paths = _paths(images)
    found: dict[Address, None] = {}
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


def _paths(images: Images) -> list[Address]:
    given = images if isinstance(images, Sequence) else [images]
    given = [images] if isinstance(images, str) else given
    return [data_path(path) for path in given]
