"""Read run folders: settings, scores, predictions, training curves and models."""

import csv
import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from featx.errors import HeadError, RunError, first_line
from featx.files import open_text, read_json
from featx.runs.frames import import_pandas
from featx.runs.info import FORMAT, VERSION, Kind, RunInfo
from featx.runs.metrics import Metrics
from featx.runs.record import Record

if TYPE_CHECKING:
    from pandas import DataFrame

    from featx.heads.base import Head

AnyRecord = TypeVar("AnyRecord", bound=Record)
Model = TypeVar("Model")

RUN_FILE = "run.json"
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.csv"
HISTORY_FILE = "history.csv"
HEAD_FILE = "head.safetensors"
PICKLED_HEAD_FILE = "head.joblib"
RECIPE_FILE = "recipe.toml"
MODEL_FILE = "model.keras"

AUGMENTED_FILE = "augmented.png"
"""Training images and what they were trained as, where they were augmented."""

FIRST_PROBABILITY = 4
"""Columns of `predictions.csv` before those of the classes."""

UNDECODED = "surrogateescape"
"""How CSV files keep file names that are not UTF-8: byte by byte."""


@dataclass(frozen=True)
class RunPredictions:
    """What a run predicted for the test split, one row per image.

    Attributes
    ----------
    paths : tuple of str
        Relative to the data folder.
    labels, predicted : tuple of str
        Class names: the true and the predicted one.
    confidence : ndarray of float64, shape (n,)
        Probability of the predicted class.
    probabilities : ndarray of float64, shape (n, n_classes)
        Columns in class order.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    predicted: tuple[str, ...]
    confidence: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the predicted class is the true one, shape (n,)."""
        pairs = zip(self.labels, self.predicted, strict=True)
        return np.array([label == predicted for label, predicted in pairs], dtype=bool)


@dataclass(frozen=True)
class Run:
    """A run folder that was read.

    Attributes
    ----------
    path : Path
        The folder.
    info : RunInfo
        `run.json`: settings, data, versions, seed, timings.
    metrics : Metrics
        `metrics.json`: scores on the test split, `cv_accuracy`, intervals.
    trust : bool
        Whether its head may be loaded from a pickle, which can run code.
    """

    path: Path
    info: RunInfo
    metrics: Metrics
    trust: bool = False

    def __repr__(self) -> str:
        return f"Run('{self.path}', {self.title}, accuracy {self.metrics.accuracy:.3f})"

    def _repr_html_(self) -> str:
        """Return a table of the scores, for notebooks."""
        rows = "".join(
            f"<tr><td>{metric.label}</td><td>{self.metrics[metric.key]:.3f}</td></tr>"
            for metric in self.metrics.measured
        )
        return (
            f"<p><b>Run</b> {escape(self.name)}: {escape(self.title)}</p>"
            f"<table><tr><th>metric</th><th>value</th></tr>{rows}</table>"
        )

    def metrics_frame(self) -> "DataFrame":
        """Return a pandas DataFrame of all scores, with their 95% intervals.

        Raises
        ------
        FeatxError
            pandas is not installed.
        """
        pandas, metrics = import_pandas(), self.metrics
        found = [metric.key for metric in metrics.measured]
        missing = (None, None)
        rows = [(metrics[key], *metrics.intervals.get(key, missing)) for key in found]
        index = pandas.Index(found, name="metric")
        return pandas.DataFrame(rows, index, ["value", "low", "high"], dtype=float)

    def per_class_frame(self) -> "DataFrame":
        """Return a pandas DataFrame of precision, recall, F1 and support by class.

        Raises
        ------
        FeatxError
            pandas is not installed.
        """
        pandas = import_pandas()
        rows = [self.metrics.per_class[name].as_dict() for name in self.classes]
        return pandas.DataFrame(rows, pandas.Index(self.classes, name="class"))

    def predictions_frame(self) -> "DataFrame":
        """Return a pandas DataFrame of the predictions, one row per test image.

        Raises
        ------
        FeatxError
            pandas is not installed.
        RunError
            `predictions.csv` is missing or damaged.
        """
        found = self.predictions()
        probabilities = zip(self.classes, found.probabilities.T, strict=True)
        return import_pandas().DataFrame(
            {
                "path": found.paths,
                "label": found.labels,
                "predicted": found.predicted,
                "confidence": found.confidence,
                **{f"p_{name}": column for name, column in probabilities},
            }
        )

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def head(self) -> str:
        """The head's name; ``from scratch`` for a network."""
        return self.info.head

    @property
    def backbone(self) -> str:
        """The backbone's name, several joined by ``+``; for a network its own."""
        return self.info.backbone

    @property
    def from_scratch(self) -> bool:
        """Whether it is a network of its own, not a head on a frozen backbone."""
        return self.info.kind is Kind.NETWORK

    @property
    def finetuned(self) -> bool:
        """Whether it is a head that was trained on together with its backbones."""
        return self.info.kind is Kind.FINETUNE

    @property
    def has_model(self) -> bool:
        """Whether it is a Keras model from images on, not a head on embeddings."""
        return self.from_scratch or self.finetuned

    @property
    def stretch(self) -> bool:
        """Whether its 16-bit images go from their darkest to their brightest pixel."""
        return any(spec.get("stretch", False) for spec in self.info.embedding)

    @property
    def short_title(self) -> str:
        """What was trained, in a word or two: ``svm``, ``svm, fine-tuned``."""
        name = self.backbone if self.from_scratch else self.head
        return f"{name}, fine-tuned" if self.finetuned else name

    @property
    def title(self) -> str:
        """What it is, in a few words: ``svm on resnet50``."""
        if self.from_scratch:
            return f"{self.backbone}, trained from scratch"
        title = f"{self.head} on {self.backbone}"
        return f"{title}, fine-tuned" if self.finetuned else title

    @property
    def data_name(self) -> str:
        """The data folder's name."""
        return self.info.data.name

    @property
    def data_fingerprint(self) -> str:
        """Differs between data sets, and between splits of one."""
        return self.info.data.fingerprint

    @property
    def random_weights(self) -> bool:
        """Whether the backbone was never trained, so that scores mean little."""
        return self.info.weights == "random"

    @property
    def seconds(self) -> float:
        """Seconds that the run took, without the embeddings."""
        return sum(self.info.timings.values())

    @property
    def cv_settings(self) -> tuple[int, int, int] | None:
        """Folds, repeats and seed of the cross-validation; None without one.

        Only accuracies that were measured alike can be compared: each repeat cuts other
        folds, and with more folds there is more to learn from in each.
        """
        if self.metrics.cv_accuracy is None:
            return None
        given = self.info.settings
        # A network's repeats are trainings of their own, not of the folds.
        repeats = 1 if self.from_scratch else given.get("repeats", 1)
        return given.get("folds") or 5, repeats, given.get("seed", 0)

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of all columns."""
        return self.metrics.classes

    def predictions(self) -> RunPredictions:
        """Read `predictions.csv`.

        Raises
        ------
        RunError
            The file is missing or not as featx writes it.
        """
        path = self.path / PREDICTIONS_FILE
        try:
            header, *rows = _read_rows(path)
            width = FIRST_PROBABILITY + len(self.classes)
            if {len(row) for row in (header, *rows)} != {width}:
                raise damaged(path, f"not {width} columns throughout")
            if len(rows) != self.metrics.n_test:
                raise damaged(
                    path, f"{len(rows)} rows for {self.metrics.n_test} images"
                )
            columns = list(zip(*rows, strict=True)) or [()] * width
            return RunPredictions(
                paths=columns[0],
                labels=columns[1],
                predicted=columns[2],
                confidence=np.array(columns[3], dtype=np.float64),
                probabilities=np.array(columns[FIRST_PROBABILITY:], dtype=np.float64).T,
            )
        except (OSError, ValueError, csv.Error) as error:
            raise damaged(path, error) from error

    def load_head(self) -> "Head":
        """Load the head from `head.safetensors`, which holds arrays and no code.

        Runs of featx 0.2 and older have `head.joblib` instead, a pickle, which can run
        code. It is loaded only if the run was read with ``trust=True``.

        Raises
        ------
        RunError
            The file is missing, damaged, a pickle that isn't trusted, or needs other
            versions of the libraries.
        """
        from featx.heads.file import read_head

        pickled = self.path / PICKLED_HEAD_FILE
        if pickled.is_file() and not (self.path / HEAD_FILE).is_file():
            if not self.trust:
                raise RunError(
                    f"{pickled}: a pickle, which can run code; make the run again, or"
                    " add --trust (trust=True in Python) if you trust its source"
                )
            return self._checked_head(PICKLED_HEAD_FILE, _unpickle)
        return self._checked_head(HEAD_FILE, read_head)

    def _checked_head(self, name: str, load: "Callable[[Path], Head]") -> "Head":
        head = self._load(name, load)
        found, expected = len(head.classes_), len(self.classes)
        if found != expected:
            raise damaged(self.path / name, f"{found} classes, the run has {expected}")
        return head

    def load_model(self) -> Any:
        """Load `model.keras`, with Keras' safe mode on.

        Returns
        -------
        keras.Model
            From uint8 (N, side, side, 3), RGB, to probabilities.

        Raises
        ------
        RunError
            The file is missing, damaged, or of another version of Keras.
        """
        from featx.frameworks import import_keras

        return self._load(
            MODEL_FILE,
            lambda path: import_keras().saving.load_model(path, safe_mode=True),
        )

    def _load(self, name: str, load: Callable[[Path], Model]) -> Model:
        """Load the file of a model, if it is the one that was written."""
        path = self.path / name
        if not path.is_file():
            raise damaged(path, "missing")
        try:
            if name != PICKLED_HEAD_FILE:
                self._check_digest(path)
            return load(path)
        except RunError:
            raise
        except HeadError as error:
            raise RunError(f"{path}: {error}") from error
        except Exception as error:  # pickle, Keras and others raise anything on garbage
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise RunError(
                f"{path}: can't be loaded ({reason}); it may come from other versions"
                " than are installed, which run.json names: make the run again"
            ) from error

    def _check_digest(self, path: Path) -> None:
        expected = self.info.model_sha256
        if expected and sha256_of(path) != expected:
            raise damaged(path, "its SHA-256 is not the one in run.json")

    def history(self) -> dict[str, NDArray[np.float64]]:
        """Read the training curves: column name to one value per epoch.

        Returns
        -------
        dict
            Empty for a head that isn't trained by epochs.

        Raises
        ------
        RunError
            The file is not as featx writes it.
        """
        path = self.path / HISTORY_FILE
        if not path.is_file():
            return {}
        try:
            header, *rows = _read_rows(path)
            values = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
            return dict(zip(header, values.T, strict=True))
        except (OSError, ValueError, csv.Error) as error:
            raise damaged(path, error) from error


def _read_rows(path: Path) -> list[list[str]]:
    with open_text(path, errors=UNDECODED) as stream:
        return list(csv.reader(stream))


def _unpickle(path: Path) -> "Head":
    """Load a head as featx 0.2 and older wrote it. This can run code."""
    import joblib

    from featx.heads.file import checked_head

    return checked_head(joblib.load(path))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def damaged(path: Path, reason: object) -> RunError:
    """Return the error of a file that isn't as featx writes it."""
    return RunError(
        f"{path}: damaged ({reason}); delete its folder and make the run again"
    )


def read_run(path: str | Path, *, trust: bool = False) -> Run:
    """Read one run folder.

    Parameters
    ----------
    path : str or Path
    trust : bool
        Whether the head of a run of featx 0.2 or older, a pickle, may be loaded.
        Loading a pickle can run code: trust only runs whose source you trust.

    Raises
    ------
    RunError
        The folder is missing, isn't a run, is damaged, or was written by a newer
        featx.
    """
    path = Path(path)
    if not path.is_dir():
        raise RunError(
            f"{path}: no such run folder; `featx report` lists what there is"
        )
    content = _read_json(path / RUN_FILE)
    if content.get("format") != FORMAT:
        raise RunError(f"{path / RUN_FILE}: not a run of featx")
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise RunError(
            f"{path / RUN_FILE}: written by a newer featx; upgrade to read it"
        )
    info = _validate(path / RUN_FILE, RunInfo, content)
    metrics = _validate(path / METRICS_FILE, Metrics, _read_json(path / METRICS_FILE))
    if info.kind is Kind.FINETUNE and metrics.finetune is None:
        raise damaged(path / METRICS_FILE, "no 'finetune'")
    return Run(path, info, metrics, trust)


def list_runs(
    reports_dir: str | Path = "reports",
    *,
    note: Callable[[str], None] = warnings.warn,
) -> list[Run]:
    """Read all run folders in `reports_dir`, by name; skipping other folders.

    Parameters
    ----------
    reports_dir : str or Path
    note : callable
        Called with a line for each damaged run, which is left out; a warning by
        default.

    Raises
    ------
    RunError
        The folder can't be read.
    """
    runs = []
    for path in run_paths(Path(reports_dir)):
        try:
            runs.append(read_run(path))
        except RunError as error:
            note(f"left out: {error}")
    return runs


def run_paths(reports_dir: Path) -> list[Path]:
    """Return the run folders in `reports_dir`, by name, unread.

    Raises
    ------
    RunError
        `reports_dir` can't be read.
    """
    try:
        if not reports_dir.is_dir():
            return []
        found = [p for p in sorted(reports_dir.iterdir()) if (p / RUN_FILE).is_file()]
    except OSError as error:
        raise RunError(f"{reports_dir}: not readable ({error.strerror})") from error
    # What a killed writer left begins with a dot.
    return [path for path in found if not path.name.startswith(".")]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except OSError as error:
        raise RunError(f"{path}: not readable ({error.strerror})") from error
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "not an object")
    return content


def _validate(path: Path, kind: type[AnyRecord], content: dict[str, Any]) -> AnyRecord:
    """Turn the content of a file into its record; name the first key that is wrong."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise damaged(path, f"no '{key}'") from error
        message = first["msg"].removeprefix("Value error, ")
        where = f"'{key}': " if key else ""
        raise damaged(path, f"{where}{message[0].lower()}{message[1:]}") from error
