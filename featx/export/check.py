"""The check that an exported model predicts what its run predicts."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.datasets.shapes import draw_image_set
from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import float32_views, in_float32
from featx.errors import ExportError
from featx.export.formats import Predict
from featx.heads.views import ViewsHead
from featx.images.arrays import read_views
from featx.images.sources import ImageFiles, View
from featx.progress import Progress
from featx.runs.files import PREDICTIONS_FILE
from featx.runs.run import Run
from featx.training.batches import Samples
from featx.training.predict import predict as predict_samples

TOLERANCE = 1e-3
"""How far an exported model's probabilities may be from its run's. In float32, logits
in the hundreds have few digits left."""

BATCH = 32

DRAWN = 1
"""Images drawn of each class of shapes, for each of two splits."""

EXACT = "the head on float32 embeddings"
ON_DRAWN = "the run itself"


@dataclass(frozen=True)
class Expected:
    """The run's predictions for its test images.

    Attributes
    ----------
    source : str
        Where they come from, in words.
    probabilities : ndarray of float64, shape (n, n_classes)
    drift : float or None
        Largest difference of `predictions.csv` from them, if embeddings of a lower
        precision made it.
    missing : int
        How many of the test images are not there any more. If any, the predictions are
        those for drawn images.
    """

    source: str
    probabilities: NDArray[np.float64]
    drift: float | None = None
    missing: int = 0


@dataclass(frozen=True)
class Check:
    """How an exported model, loaded from its file, compares with its run.

    Attributes
    ----------
    compared_with : str
    images : int
    largest_difference : float
        Of any probability.
    other_classes : int
        Images with another most probable class.
    tolerance : float
    drift : float or None
    missing : int
        See `Expected`.
    """

    compared_with: str
    images: int
    largest_difference: float
    other_classes: int
    tolerance: float
    drift: float | None
    missing: int


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
    root = Path(run.info.data.root)
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
    cache_dir: Path,
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
    if images.missing:
        exact = _answers_for_drawn(run, images, inputs, extractors, progress)
        return Expected(ON_DRAWN, exact, missing=images.missing)
    written = run.predictions().probabilities
    if all(one.spec.precision == "float32" for one in extractors):
        return Expected(PREDICTIONS_FILE, written)
    exact = _by_head(run, images, extractors, cache_dir, progress)
    return Expected(EXACT, exact, float(np.abs(written - exact).max()))


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
    cache_dir: Path,
    progress: Progress,
) -> NDArray[np.float64]:
    views = float32_views(images.source, in_float32(extractors), cache_dir, progress)
    return ViewsHead(run.load_head()).predict_proba(views)


def check(
    path: Path,
    predict: Predict,
    inputs: Mapping[str, NDArray[np.uint8]],
    expected: Expected,
) -> Check:
    """Compare a loaded model's predictions for the test images with the run's.

    Parameters
    ----------
    path : Path
        Named in errors.

    Raises
    ------
    ExportError
        They differ.
    """
    n = len(expected.probabilities)
    given = np.concatenate(
        [
            predict({name: a[start : start + BATCH] for name, a in inputs.items()})
            for start in range(0, n, BATCH)
        ]
    )
    if given.shape != expected.probabilities.shape:
        raise ExportError(
            f"{path}: its probabilities have shape {given.shape}, not"
            f" {expected.probabilities.shape}; not kept, please report this"
        )
    difference = float(np.abs(given - expected.probabilities).max())
    if not difference <= TOLERANCE:  # nor may it be NaN
        raise ExportError(
            f"{path}: its probabilities differ from {expected.source} by"
            f" {difference:.1e}, more than {TOLERANCE:.0e}; not kept. If the test"
            " images have changed, make the run again; if not, please report this"
        )
    tops = given.argmax(1), expected.probabilities.argmax(1)
    return Check(
        compared_with=expected.source,
        images=n,
        largest_difference=difference,
        other_classes=int((tops[0] != tops[1]).sum()),
        tolerance=TOLERANCE,
        drift=expected.drift,
        missing=expected.missing,
    )
