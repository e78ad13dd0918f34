"""The check that an exported model predicts what its run predicts."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.datasets.shapes import draw_image_set
from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import float32_views, in_float32
from featx.errors import ExportError
from featx.export.formats import Predict
from featx.heads.views import ViewsHead
from featx.images.arrays import read_views
from featx.images.decoding import decode_each, decode_full
from featx.images.digests import read_file
from featx.images.packed.find import data_path
from featx.images.sources import ImageFiles, View
from featx.progress import Progress
from featx.runs.files import PREDICTIONS_FILE
from featx.runs.run import Run
from featx.training.batches import Samples
from featx.training.predict import predict as predict_samples

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-3
"""How far an exported model's probabilities may be from its run's. In float32, logits
in the hundreds have few digits left."""

QUANTIZED = {"float16": 0.01, "int8": 0.1}
"""How far a quantised model's may be: the largest difference of an image, in the mean
over the images. On 25 birds it was 0.001 and 0.03; single images differed by 0.03 and
0.4."""

STEPS = 0.01
"""Of heads whose scores go in steps, as those of trees do, so many images may differ by
more: rounding puts an embedding to the other side of a threshold. At least one may."""

BATCH = 32

PHOTOS = 100
"""Photos at most that a model which resizes is checked on, one at a time."""

DRAWN = 1
"""Images drawn of each class of shapes, for each of two splits."""

EXACT = "the head on float32 embeddings"
ON_DRAWN = "the run itself"

Batch = tuple[dict[str, NDArray[np.uint8]], int]
"""Images by input, and how many of them are no filling."""


@dataclass(frozen=True)
class Expected:
    """The run's predictions for its test images.

    Attributes
    ----------
    source : str
        Where they come from, in words.
    probabilities : ndarray of float64, shape (n, n_classes)
    labels : ndarray of int, shape (n,), or None
        The true classes; None for drawn images.
    predicted : ndarray of int, shape (n,), or None
        The predicted classes, where `predictions.csv` says them: its probabilities are
        rounded, and may tie. None: the most probable ones.
    drift : float or None
        Largest difference of `predictions.csv` from them, if embeddings of a lower
        precision made it.
    missing : int
        How many of the test images are not there any more. If any, the predictions are
        those for drawn images.
    reduced : int
        Photos that featx lets the decoder reduce, for which the run was asked again.
    reduced_drift : float or None
        How far the run's probabilities for these are from those it was made with.
    steps : bool
        Whether the head's scores go in steps.
    """

    source: str
    probabilities: NDArray[np.float64]
    labels: NDArray[np.intp] | None = None
    predicted: NDArray[np.intp] | None = None
    drift: float | None = None
    missing: int = 0
    reduced: int = 0
    reduced_drift: float | None = None
    steps: bool = False

    @property
    def tops(self) -> NDArray[np.intp]:
        """The predicted classes, shape (n,)."""
        if self.predicted is not None:
            return self.predicted
        found: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return found


@dataclass(frozen=True)
class Check:
    """How an exported model, loaded from its file, compares with its run.

    Attributes
    ----------
    compared_with : str
    images : int
    largest_difference : float
        Of any probability.
    mean_difference : float
        The mean over the images of each one's largest difference.
    other_classes : int
        Images with another most probable class.
    beyond : int
        Images whose largest difference is over the tolerance.
    tolerance : float
        Of the largest difference, of quantised models of the mean.
    accuracy, run_accuracy : float or None
        Of the model and of the run on these images; None for drawn ones.
    drift : float or None
    missing : int
    reduced : int
    reduced_drift : float or None
        See `Expected`.
    """

    compared_with: str
    images: int
    largest_difference: float
    mean_difference: float
    other_classes: int
    beyond: int
    tolerance: float
    accuracy: float | None
    run_accuracy: float | None
    drift: float | None
    missing: int
    reduced: int
    reduced_drift: float | None


@dataclass(frozen=True)
class Trial:
    """What a model is asked, and what it has to answer.

    Attributes
    ----------
    batches : callable
        Returns the images, batch by batch.
    expected : Expected
    resizes : bool
        Whether the model resizes; pixels may then differ by one.
    """

    batches: Callable[[], Iterator[Batch]]
    expected: Expected
    resizes: bool = False


@dataclass(frozen=True)
class CheckImages:
    """The images that a model is checked on.

    Attributes
    ----------
    source : ImageFiles
        The run's test images; if some of them are missing, drawn ones.
    missing : int
    """

    source: ImageFiles
    missing: int


@contextlib.contextmanager
def check_images(run: Run) -> Iterator[CheckImages]:
    """Find the image files that `predictions.csv` lists, or draw others for a while.

    A run may be copied to where its images are not.

    Raises
    ------
    RunError
        `predictions.csv` is damaged.
    """
    root = data_path(run.info.data.root)
    files = [root / path for path in run.predictions().paths]
    missing = sum(not path.is_file() for path in files)
    if not missing:
        yield CheckImages(ImageFiles(files), 0)
        return
    with tempfile.TemporaryDirectory(prefix="featx-") as folder:
        drawn = draw_image_set(
            Path(folder) / "drawn", train_images=DRAWN, test_images=DRAWN
        )
        yield CheckImages(ImageFiles(sorted(drawn.rglob("*.jpg"))), missing)


def read_inputs(
    source: ImageFiles, views: Mapping[str, View], progress: Progress
) -> dict[str, NDArray[np.uint8]]:
    """Decode images for each input of a model, shape (n, side, side, 3).

    Raises
    ------
    ExportError
        One can't be read.
    RunError
        They fit neither into memory nor on the disk.
    """
    arrays, unreadable = read_views(source, views.values(), progress=progress)
    for row, reason in unreadable.items():
        raise ExportError(f"{source.files[row]}: {reason}; it was readable before")
    return dict(zip(views, arrays, strict=True))


def expect(
    run: Run,
    images: CheckImages,
    inputs: Mapping[str, NDArray[np.uint8]],
    extractors: Sequence[KerasExtractor],
    cache_dir: Address,
    progress: Progress,
) -> Expected:
    """Return the predictions that an exported model has to reproduce.

    Parameters
    ----------
    inputs : Mapping
        The decoded images, as `read_inputs` returns them.
    extractors : sequence of KerasExtractor
        Of the run's embeddings; empty if the run has a model.
    """
    steps = bool(extractors) and not run.load_head().has_gradients
    if images.missing:
        exact = _answers_for_drawn(run, images, inputs, extractors, progress)
        return Expected(ON_DRAWN, exact, missing=images.missing, steps=steps)
    predictions = run.predictions()
    written = predictions.probabilities
    labels, predicted = (
        np.array([run.classes.index(name) for name in names])
        for names in (predictions.labels, predictions.predicted)
    )
    if all(one.spec.precision == "float32" for one in extractors):
        return Expected(PREDICTIONS_FILE, written, labels, predicted, steps=steps)
    exact = _by_head(run, images, extractors, cache_dir, progress)
    drift = float(np.abs(written - exact).max())
    return Expected(EXACT, exact, labels, drift=drift, steps=steps)


def _answers_for_drawn(
    run: Run,
    images: CheckImages,
    inputs: Mapping[str, NDArray[np.uint8]],
    extractors: Sequence[KerasExtractor],
    progress: Progress,
) -> NDArray[np.float64]:
    """Return the run's own probabilities; the cache keeps nothing of the images."""
    if extractors:
        with tempfile.TemporaryDirectory(prefix="featx-") as cache:
            return _by_head(run, images, extractors, Path(cache), progress)
    rows = np.arange(len(images.source.files))
    samples = Samples(tuple(inputs.values()), rows)
    return predict_samples(run.load_model(), samples, batch_size=BATCH)


def _by_head(
    run: Run,
    images: CheckImages,
    extractors: Sequence[KerasExtractor],
    cache_dir: Address,
    progress: Progress,
) -> NDArray[np.float64]:
    views = float32_views(images.source, in_float32(extractors), cache_dir, progress)
    return ViewsHead(run.load_head()).predict_proba(views)


def on_squares(
    inputs: Mapping[str, NDArray[np.uint8]],
    expected: Expected,
    batch_size: int | None,
) -> Trial:
    """Return the trial of a model of squares; None is an open batch."""
    n = len(expected.probabilities)
    size = batch_size or BATCH

    def batches() -> Iterator[Batch]:
        for start in range(0, n, size):
            rows = np.arange(start, min(start + size, n))
            count = len(rows)
            if batch_size:
                rows = np.resize(rows, batch_size)
            yield {name: array[rows] for name, array in inputs.items()}, count

    return Trial(batches, expected)


def on_photos(
    model: "keras.Model",
    images: CheckImages,
    inputs: Mapping[str, NDArray[np.uint8]],
    views: Mapping[str, View],
    expected: Expected,
    name: str,
    batch_size: int | None,
) -> Trial:
    """Return the trial of a model that resizes.

    Where featx lets the decoder reduce a photo, as it does with large JPEGs, the pixels
    of the whole photo give others. The run's model is then asked for what it makes of
    the whole photo, saved without loss.

    Parameters
    ----------
    model : keras.Model
        The run's model of squares.
    images : CheckImages
    inputs, views : Mapping
        The squares, as featx makes them, and how it does.
    expected : Expected
        For the squares.
    name : str
        Of the input for photos.
    batch_size : int or None
    """
    total = len(images.source.files)
    rows = np.unique(np.linspace(0, total - 1, min(total, PHOTOS)).astype(int))
    wanted, tops = expected.probabilities[rows].copy(), expected.tops[rows].copy()
    reduced = []
    for place, row in enumerate(rows):
        squares = _squares(images.source.files[row], views)
        if any((inputs[key][row] != square).any() for key, square in squares.items()):
            given = [square[None] for square in squares.values()]
            answer = model.predict_on_batch(given if len(given) > 1 else given[0])
            wanted[place], tops[place] = answer[0], answer[0].argmax()
            reduced.append(np.abs(wanted[place] - expected.probabilities[row]).max())

    def batches() -> Iterator[Batch]:
        for row in rows:
            photo = decode_full(read_file(images.source.files[row]))
            yield {name: np.repeat(photo[None], batch_size or 1, axis=0)}, 1

    there = expected.labels is not None
    return Trial(
        batches,
        replace(
            expected,
            probabilities=wanted,
            labels=expected.labels[rows] if there else None,  # type: ignore[index]
            predicted=tops,
            reduced=len(reduced),
            reduced_drift=float(max(reduced)) if reduced else None,
        ),
        resizes=True,
    )


def _squares(path: Path, views: Mapping[str, View]) -> dict[str, NDArray[np.uint8]]:
    """Return what featx makes of a photo that was saved without loss."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(decode_full(read_file(path))).save(content, "png", compress_level=1)
    fitted = decode_each(content.getvalue(), {view.fit for view in views.values()})
    return {name: fitted[view.fit] for name, view in views.items()}


def check(
    path: Path, predict: Predict, trial: Trial, quantize: str | None = None
) -> Check:
    """Compare a loaded model's predictions for the test images with the run's.

    Parameters
    ----------
    path : Path
        Named in errors.
    predict : callable
    trial : Trial
    quantize : str, optional
        How the model was quantised.

    Raises
    ------
    ExportError
        They differ.
    """
    expected = trial.expected
    given = np.concatenate([predict(batch)[:count] for batch, count in trial.batches()])
    if given.shape != expected.probabilities.shape:
        raise ExportError(
            f"{path}: its probabilities have shape {given.shape}, not"
            f" {expected.probabilities.shape}; not kept, please report this"
        )
    differences = np.abs(given - expected.probabilities).max(axis=1)
    found = _compare(given, differences, expected, quantize)
    reason = _refusal(found, trial, quantize)
    if reason:
        raise ExportError(f"{path}: {reason}")
    return found


def _refusal(found: Check, trial: Trial, quantize: str | None) -> str | None:
    """Return why a model is not kept, None for one that is."""
    if quantize:
        if found.mean_difference <= found.tolerance:  # not for NaN
            return None
        return (
            f"--quantize {quantize} changes the probabilities of an image by"
            f" {found.mean_difference:.2f} in the mean, more than {found.tolerance:g};"
            " not kept, export it without"
        )
    allowed = max(1, int(STEPS * found.images)) if trial.expected.steps else 0
    if found.beyond <= allowed:
        return None
    far = f"{found.largest_difference:.1e}, more than {found.tolerance:.0e}; not kept"
    if trial.resizes:
        return (
            f"--with-resize changes its probabilities by {far}: pixels differ by one,"
            " and this run minds. Export it without, and resize as README.md shows"
        )
    return (
        f"its probabilities differ from {trial.expected.source} by {far}. If the test"
        " images have changed, make the run again; if not, please report this"
    )


def _compare(
    given: NDArray[np.floating],
    differences: NDArray[np.floating],
    expected: Expected,
    quantize: str | None,
) -> Check:
    tolerance = QUANTIZED[quantize] if quantize else TOLERANCE
    tops = given.argmax(axis=1), expected.tops
    accuracies: list[float | None] = [None, None]
    if expected.labels is not None:
        accuracies = [float(np.mean(one == expected.labels)) for one in tops]
    return Check(
        compared_with=expected.source,
        images=len(given),
        largest_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        other_classes=int((tops[0] != tops[1]).sum()),
        beyond=int((~(differences <= tolerance)).sum()),  # nor may they be NaN
        tolerance=tolerance,
        accuracy=accuracies[0],
        run_accuracy=accuracies[1],
        drift=expected.drift,
        missing=expected.missing,
        reduced=expected.reduced,
        reduced_drift=expected.reduced_drift,
    )
