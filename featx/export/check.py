"""The check that an exported model says what its run says."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import side_by_side
from featx.embeddings.extract import embed_rows
from featx.errors import ExportError
from featx.export.formats import Answer
from featx.heads.views import ViewsHead
from featx.images.arrays import read_pixels
from featx.images.sources import ImageFiles
from featx.progress import Progress
from featx.runs.run import PREDICTIONS_FILE, Run

TOLERANCE = 1e-3
"""How far an exported model's probabilities may be from its run's: float32 has no more
digits where scores run into the hundreds."""

BATCH = 32

EXACT = "the head on float32 embeddings"


@dataclass(frozen=True)
class Expected:
    """What the run says of its test images.

    Attributes
    ----------
    source : str
        Where that stands.
    probabilities : ndarray of float64, shape (n, n_classes)
    drift : float or None
        How far `predictions.csv` is from that, where it isn't the source: the cached
        embeddings had a lower precision.
    """

    source: str
    probabilities: NDArray[np.float64]
    drift: float | None = None


@dataclass(frozen=True)
class Check:
    """How near to its run a model was, loaded from its file.

    Attributes
    ----------
    compared_with : str
    images : int
    largest_difference : float
        Of a probability.
    other_classes : int
        Images whose most probable class is another one.
    tolerance : float
    drift : float or None
        As of `Expected`.
    """

    compared_with: str
    images: int
    largest_difference: float
    other_classes: int
    tolerance: float
    drift: float | None


def find_test_images(run: Run) -> ImageFiles:
    """Return the files that `predictions.csv` speaks of.

    Raises
    ------
    ExportError
        Some are gone.
    RunError
        `predictions.csv` is damaged.
    """
    root = Path(run.info.data.root)
    files = [root / path for path in run.predictions().paths]
    gone = [path for path in files if not path.is_file()]
    if gone:
        raise ExportError(
            f"{gone[0]}: gone ({len(gone)} of {len(files)} test images are), and an"
            " exported model is checked on them; put them back or make the run again"
        )
    return ImageFiles(files)


def read_inputs(
    source: ImageFiles, sides: Mapping[str, int], progress: Progress
) -> dict[str, NDArray[np.uint8]]:
    """Decode images for each input of a model, shape (n, side, side, 3).

    Raises
    ------
    ExportError
        One can't be read.
    RunError
        They fit neither into the memory nor on the disk.
    """
    inputs = {}
    for name, side in sides.items():
        with tempfile.TemporaryDirectory(prefix="featx-") as scratch:
            told = progress.images(f"decoding at {side}x{side}")
            pixels = read_pixels(source, side, Path(scratch), update=told)
        for row, reason in pixels.unreadable.items():
            raise ExportError(f"{source.files[row]}: {reason}, was readable before")
        inputs[name] = pixels.array
    return inputs


def in_float32(extractors: Sequence[KerasExtractor]) -> list[KerasExtractor]:
    """Return extractors of the same embeddings in the precision of exported models."""
    return [replace(one, precision="float32") for one in extractors]


def expect(
    run: Run,
    source: ImageFiles,
    extractors: Sequence[KerasExtractor],
    cache_dir: Path,
    progress: Progress,
) -> Expected:
    """Return what an exported model has to say.

    Parameters
    ----------
    extractors : sequence of KerasExtractor
        As the run's embeddings were computed; empty where a model made the
        predictions.
    """
    written = run.predictions().probabilities
    if all(one.spec.precision == "float32" for one in extractors):
        return Expected(PREDICTIONS_FILE, written)
    told = progress.images("float32 embeddings of the test images")
    found = embed_rows(source, in_float32(extractors), cache_dir, update=told)
    views = side_by_side(found, np.arange(len(source.files)))
    exact = ViewsHead(run.load_head()).predict_proba(views)
    return Expected(EXACT, exact, float(np.abs(written - exact).max()))


def check(
    path: Path,
    answer: Answer,
    inputs: Mapping[str, NDArray[np.uint8]],
    expected: Expected,
) -> Check:
    """Ask a model for the test images and compare.

    Parameters
    ----------
    path : Path
        Which file it is, for the error.

    Raises
    ------
    ExportError
        It says something else than the run.
    """
    n = len(expected.probabilities)
    given = np.concatenate(
        [
            answer({name: a[start : start + BATCH] for name, a in inputs.items()})
            for start in range(0, n, BATCH)
        ]
    )
    if given.shape != expected.probabilities.shape:
        raise ExportError(
            f"{path}: answers of shape {given.shape}, not"
            f" {expected.probabilities.shape}; not kept, please report it"
        )
    difference = float(np.abs(given - expected.probabilities).max())
    if not difference <= TOLERANCE:  # nor may it be NaN
        raise ExportError(
            f"{path}: its probabilities differ from {expected.source} by"
            f" {difference:.1e}, more than {TOLERANCE:.0e}; not kept. If the test"
            " images have changed, make the run again; if not, please report it"
        )
    tops = given.argmax(1), expected.probabilities.argmax(1)
    return Check(
        compared_with=expected.source,
        images=n,
        largest_difference=difference,
        other_classes=int((tops[0] != tops[1]).sum()),
        tolerance=TOLERANCE,
        drift=expected.drift,
    )
