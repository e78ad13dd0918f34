"""What a run predicted for its training images when they were held out.

See `docs/formats.md`. All that a cross-validation has to say is kept, so that runs are
compared, calibrated and combined without fitting anything again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.cache.hdf5_stream import hdf5_file
from featx.errors import RunError
from featx.evaluation.conformal import SetRule, calibrate_sets
from featx.evaluation.cross_validation import CrossValidation, FoldScores
from featx.files import open_file
from featx.runs.files import CV_PREDICTIONS_FILE, check_sha256, damaged
from featx.runs.predictions import UNDECODED

FORMAT = "featx-cv-predictions"
VERSION = 1

CHUNK_BYTES = 1 << 20
MOST_COMPRESSED = 1100
"""Deflate makes data smaller by a factor of 1032 at most."""


@dataclass(frozen=True)
class CvPredictions:
    """What a run predicted for its training images, each while it was held out.

    No image was trained on by the classifier that predicted it. In the first repeat of
    the cross-validation unless a shape says otherwise.

    Attributes
    ----------
    paths : tuple of str
        Of the training images, relative to the data folder.
    groups : ndarray of int, shape (n,)
        Images of one group are copies.
    labels : ndarray of int, shape (n,)
        True classes, as indices into `Run.classes`.
    fold : ndarray of int, shape (n,)
        In which fold each image was held out.
    probabilities : ndarray of float32, shape (n, n_classes)
        Columns in class order.
    predicted : ndarray of int, shape (repeats, n)
        Predicted classes in each repeat.
    by_fold : FoldScores
        `accuracy`, `n_train` and `n_held_out` of each fold in each repeat, shape
        (repeats, folds).
    temperature : float
        Of the probabilities: one for all folds, fitted to them.
    """

    paths: tuple[str, ...]
    groups: NDArray[np.integer]
    labels: NDArray[np.integer]
    fold: NDArray[np.integer]
    probabilities: NDArray[np.float32]
    predicted: NDArray[np.integer]
    by_fold: FoldScores
    temperature: float = 1.0

    def __repr__(self) -> str:
        repeats, folds = self.by_fold.accuracy.shape
        return f"CvPredictions({len(self.paths)} images, {repeats} x {folds} folds)"

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each image was right in each repeat, shape (repeats, n)."""
        hits: NDArray[np.bool_] = self.predicted == self.labels
        return hits

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the predicted class in the first repeat, shape (n,)."""
        rows = np.arange(len(self.labels))
        sure = self.probabilities[rows, self.predicted[0]]
        confidence: NDArray[np.float64] = sure.astype(np.float64)
        return confidence

    def set_rule(self, coverage: float) -> SetRule:
        """Return which classes belong into prediction sets of this coverage."""
        return calibrate_sets(self.probabilities, self.labels, self.groups, coverage)

    @classmethod
    def of(
        cls,
        found: CrossValidation,
        paths: tuple[str, ...],
        groups: NDArray[np.integer],
        labels: NDArray[np.integer],
    ) -> "CvPredictions":
        """Return those of a cross-validation of some images."""
        return cls(
            paths=paths,
            groups=groups,
            labels=labels,
            fold=found.fold,
            probabilities=found.probabilities,
            predicted=found.predicted,
            by_fold=found.by_fold,
            temperature=found.temperature,
        )


def write_cv_predictions(path: Path, found: CvPredictions) -> None:
    """Write `cv_predictions.h5`.

    Raises
    ------
    OSError
        It can't be written.
    """
    scores = found.by_fold
    arrays = {
        "path": np.array([name.encode("utf-8", UNDECODED) for name in found.paths]),
        "group": found.groups.astype(np.int64),
        "label": found.labels.astype(np.int32),
        "fold": found.fold.astype(np.int32),
        "predicted": found.predicted.astype(np.int32),
        "probability": found.probabilities,
        "fold_accuracy": scores.accuracy,
        "fold_train": scores.n_train.astype(np.int64),
        "fold_held_out": scores.n_held_out.astype(np.int64),
    }
    with hdf5_file(path) as file:
        file.attrs["format"] = np.bytes_(FORMAT)
        file.attrs["version"] = VERSION
        file.attrs["temperature"] = found.temperature
        for name, values in arrays.items():
            row_bytes = values[:1].nbytes
            rows = int(np.clip(CHUNK_BYTES // max(row_bytes, 1), 1, len(values)))
            file.create_dataset(
                name,
                data=values,
                chunks=(rows, *values.shape[1:]),
                shuffle=True,
                compression="gzip",
                compression_opts=1,
                fletcher32=True,
            )


def read_cv_predictions(
    folder: Path, sha256: str, *, n_images: int, n_classes: int
) -> CvPredictions | None:
    """Read `cv_predictions.h5` of a run folder; None where the run has none.

    Parameters
    ----------
    folder : Path
    sha256 : str
        As `run.json` says; empty for a run without the file. It is compared before HDF5
        opens the file: on some damaged files HDF5 never returns.
    n_images, n_classes : int
        As `metrics.json` says.

    Raises
    ------
    RunError
        The file is missing, or not as featx writes it.
    """
    import h5py

    if not sha256:
        return None
    path = folder / CV_PREDICTIONS_FILE
    try:
        check_sha256(path, sha256)
        with open_file(path) as stream, h5py.File(stream, "r") as file:
            _check_version(path, file)
            return _read(file, n_images, n_classes)
    except FileNotFoundError:
        raise damaged(path, "missing") from None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise damaged(path, error) from error


def _check_version(path: Path, file: Any) -> None:
    if file.attrs["format"] != FORMAT.encode():
        raise ValueError(f"not of format {FORMAT}")
    if file.attrs["version"] > VERSION:
        raise RunError(f"{path}: written by a newer featx; upgrade to read it")


def _read(file: Any, n: int, n_classes: int) -> CvPredictions:
    """Read the arrays; their shapes must fit together, and codes be those of classes.

    Raises
    ------
    ValueError, KeyError
    """
    shape = _shape(file, "fold_accuracy", 2)
    repeats, folds = shape
    accuracy = _array(file, "fold_accuracy", "f", shape)
    labels, fold = _array(file, "label", "i", (n,)), _array(file, "fold", "i", (n,))
    predicted = _array(file, "predicted", "i", (repeats, n))
    for name, codes, count in (
        ("label", labels, n_classes),
        ("predicted", predicted, n_classes),
        ("fold", fold, folds),
    ):
        if codes.min() < 0 or codes.max() >= count:
            raise ValueError(f"'{name}' isn't from 0 to {count - 1} throughout")
    probabilities = _array(file, "probability", "f", (n, n_classes))
    if not (np.isfinite(probabilities).all() and np.isfinite(accuracy).all()):
        raise ValueError("numbers that aren't finite")
    names = _array(file, "path", "S", (n,)).tolist()
    return CvPredictions(
        paths=tuple(name.decode("utf-8", UNDECODED) for name in names),
        groups=_array(file, "group", "i", (n,)),
        labels=labels,
        fold=fold,
        probabilities=probabilities,
        predicted=predicted,
        by_fold=FoldScores(
            accuracy,
            _array(file, "fold_train", "i", shape),
            _array(file, "fold_held_out", "i", shape),
        ),
        temperature=float(file.attrs["temperature"]),
    )


def _shape(file: Any, name: str, ndim: int) -> tuple[int, ...]:
    """Return the shape of a dataset that is in the file itself and no larger than it.

    Raises
    ------
    ValueError, KeyError
    """
    import h5py

    # A link is looked at before it is followed: it may lead to any file.
    if file.get(name, getclass=True, getlink=True) is not h5py.HardLink:
        raise ValueError(f"'{name}' is missing or a link to elsewhere")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.chunks is None or found.external:
        raise ValueError(f"'{name}' is not stored in chunks")
    if found.ndim != ndim or 0 in found.shape:
        raise ValueError(f"'{name}' has shape {found.shape}")
    if found.nbytes > MOST_COMPRESSED * found.id.get_storage_size():
        raise ValueError(f"'{name}' of shape {found.shape} is not there completely")
    shape: tuple[int, ...] = found.shape
    return shape


def _array(file: Any, name: str, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array of this kind and shape.

    Raises
    ------
    ValueError, KeyError
    """
    if _shape(file, name, len(shape)) != shape:
        raise ValueError(f"'{name}' has shape {file[name].shape}, not {shape}")
    if file[name].dtype.kind != kind:
        raise ValueError(f"'{name}' has type {file[name].dtype}")
    values: NDArray[Any] = file[name][:]
    return values
