"""Use what was trained: from image files to class probabilities."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.imagenet import build_classifier, imagenet_classes
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.dataset import side_by_side, title_of
from featx.embeddings.extract import embed_rows
from featx.errors import DataError
from featx.heads.views import ViewsHead
from featx.images.arrays import read_pixels
from featx.images.sources import ImageFiles
from featx.images.walking import image_files
from featx.predict.predictions import Answers
from featx.progress import SILENT, Progress
from featx.runs.find import extractors_of
from featx.runs.run import Run
from featx.training.batches import Samples
from featx.training.predict import asking

if TYPE_CHECKING:
    import keras

MODEL_BATCH = 64

AT_ONCE = 512
"""Images that are decoded before a Keras model is asked for them."""


def run_predict(
    run: Run,
    paths: Sequence[Path],
    cache_dir: Path,
    *,
    weights: Sequence[Path] = (),
    batch_size: int | None = None,
    progress: Progress = SILENT,
) -> Answers:
    """Classify images as a run does, be it a head's, a network's or a fine-tuned one's.

    Embeddings that the cache has are not computed. Loading a run's head can run code:
    it is a pickle.

    Parameters
    ----------
    run : Run
    paths : sequence of Path
        Image files, and folders of which all images are meant.
    weights : sequence of Path
        Files of one's own weights that the run's embeddings were computed with.

    Raises
    ------
    DataError
        A path is missing, or there is no readable image.
    RunError
        The run's head can't be loaded, or its embeddings can't be computed here.
    CacheError
    """
    files = find_images(paths)
    if run.has_model:
        model = _Model(run.load_model(), run.title, tuple(run.classes))
        return _ask_model(model, files, batch_size or MODEL_BATCH, progress)
    source = ImageFiles(files)
    extractors = extractors_of(run, weights, cache_dir)
    head = ViewsHead(run.load_head())
    found = embed_rows(
        source,
        extractors,
        cache_dir,
        batch_size=batch_size,
        update=progress.images(title_of(extractors)),
    )
    unreadable: dict[int, str] = {}
    for _, extraction in found:
        unreadable.update(extraction.unreadable)
    readable = _readable(files, unreadable)
    probabilities = head.predict_proba(side_by_side(found, readable))
    notes = dict.fromkeys(note for _, done in found for note in done.notes)
    classes = tuple(run.classes)
    return _answers(classes, files, readable, probabilities, unreadable, [*notes])


def run_imagenet(
    backbone: str,
    paths: Sequence[Path],
    *,
    batch_size: int | None = None,
    progress: Progress = SILENT,
) -> Answers:
    """Classify images as a backbone does that Keras has trained on ImageNet.

    Parameters
    ----------
    backbone : str
        A row of `BACKBONES`.
    paths : sequence of Path
        As of `run_predict`.

    Raises
    ------
    BackboneError
        There is no such backbone, or its weights are not to be had.
    DataError
        A path is missing, or there is no readable image.
    """
    row = find_backbone(backbone)
    files = find_images(paths)
    classes = imagenet_classes()
    model = _Model(build_classifier(row), f"{row.name} on ImageNet", classes)
    return _ask_model(model, files, batch_size or MODEL_BATCH, progress)


class _Model(NamedTuple):
    """A Keras model from uint8 images to probabilities of classes."""

    model: "keras.Model"
    title: str
    classes: tuple[str, ...]


def _ask_model(
    asked: _Model, files: Sequence[Path], batch_size: int, progress: Progress
) -> Answers:
    """Classify with a Keras model, so many images at once: there may be millions."""
    ask = asking(asked.model, batch_size=batch_size)
    update = progress.images(asked.title)
    unreadable: dict[int, str] = {}
    found = []
    for start in range(0, len(files), AT_ONCE):
        update(start, len(files))
        images, reasons = _decode(files[start : start + AT_ONCE], asked.model)
        unreadable.update({start + row: why for row, why in reasons.items()})
        if len(images):
            found.append(ask(images))
    update(len(files), len(files))
    readable = _readable(files, unreadable)
    probabilities = np.concatenate(found)
    return _answers(asked.classes, files, readable, probabilities, unreadable, [])


def _decode(
    files: Sequence[Path], model: "keras.Model"
) -> tuple[Samples, dict[int, str]]:
    """Decode images at each size that a model takes; return why some can't be."""
    source = ImageFiles(files)
    with tempfile.TemporaryDirectory(prefix="featx-") as scratch:
        pixels = [
            read_pixels(source, tensor.shape[1], Path(scratch))
            for tensor in model.inputs
        ]
    unreadable = {row: why for one in pixels for row, why in one.unreadable.items()}
    rows = np.setdiff1d(np.arange(len(files)), list(unreadable))
    arrays = tuple(one.array for one in pixels)
    return Samples(arrays, rows, rows, np.ones(len(rows))), unreadable


def _readable(files: Sequence[Path], unreadable: Mapping[int, str]) -> NDArray[np.intp]:
    """Return the rows that can be read.

    Raises
    ------
    DataError
        None can.
    """
    readable = np.setdiff1d(np.arange(len(files)), list(unreadable))
    if not len(readable):
        row, reason = min(unreadable.items())
        raise DataError(
            f"none of {len(files)} images can be read (first: {files[row]}: {reason})"
        )
    return readable


def _answers(
    classes: tuple[str, ...],
    files: Sequence[Path],
    readable: NDArray[np.intp],
    probabilities: NDArray[np.float64],
    unreadable: Mapping[int, str],
    notes: Sequence[str],
) -> Answers:
    return Answers(
        classes=classes,
        files=tuple(files[row] for row in readable),
        probabilities=probabilities,
        unreadable={files[row]: why for row, why in sorted(unreadable.items())},
        notes=tuple(notes),
    )


def find_images(paths: Sequence[Path]) -> list[Path]:
    """Return files as they are named, and the images below folders, each once.

    Raises
    ------
    DataError
        A path is missing, or there is no image at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(image_files(path)))
        elif path.exists():
            found[path] = None
        else:
            raise DataError(f"{path}: no such file or folder")
    if not found:
        raise DataError(f"{paths[0]}: no images in it")
    return list(found)
