"""Make runs: each once, and its folder written whole or not at all."""

import contextlib
import csv
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.atomic import (
    check_writable,
    json_bytes,
    remove_leftovers,
    sync_files,
    sync_folder,
)
from featx.errors import BackboneError, RunError
from featx.evaluation.familiarity import Familiarity
from featx.keras_backend import keras_backend
from featx.locks import FolderLock
from featx.progress import SILENT, Progress
from featx.provenance import provenance
from featx.runs.cv_predictions import CvPredictions, write_cv_predictions
from featx.runs.familiarity import familiarity_bytes
from featx.runs.files import (
    CV_PREDICTIONS_FILE,
    FAMILIARITY_FILE,
    HEAD_FILE,
    HELD_OUT_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PREDICTIONS_FILE,
    PRETRAINING_FILE,
    RECIPE_FILE,
    RUN_FILE,
    sha256_of,
)
from featx.runs.info import FORMAT, VERSION, Kind, RunInfo
from featx.runs.metrics import Metrics
from featx.runs.predictions import HELD_OUT_COLUMNS, UNDECODED, HeldOut
from featx.runs.read import read_run, run_paths
from featx.runs.run import Run

ASIDE = ".run-"
LOCK_FILE = ".lock"

VERSIONS = (
    *("featx", "numpy", "scikit-learn", "xgboost", "keras", "h5py"),
    *("pillow", "opencv-python-headless"),
)
"""Packages whose versions a run states, besides Keras' backend."""

STATE_OF = {Kind.HEAD: "fit", Kind.NETWORK: "train", Kind.FINETUNE: "finetune"}
"""Prefix of the folder that keeps intermediate results until a run is written."""

WAITING = "another process is making this run; waiting for it"

MAX_NAME = 200
"""Bytes of a run's name; file systems take 255."""


@dataclass(frozen=True)
class RunContents:
    """All that a run folder holds.

    Attributes
    ----------
    name : str
        ``<data>-<backbone>-<head>``; a number is added where it is taken.
    info, metrics : Mapping
        For `run.json`, to which the time and the versions are added, and
        `metrics.json`.
    paths : sequence of str
        Test images, relative to the data folder.
    labels : ndarray of int, shape (n_test,)
        True classes of the test images.
    probabilities : ndarray of float, shape (n_test, n_classes)
        Columns in class order.
    head : Head
        The fitted head, for `head.safetensors`.
    model : keras.Model
        The trained network, for `model.keras`; a run has the one or the other.
    history : Mapping
        Column name to one value per epoch; empty without epochs.
    pretraining : Mapping
        The same of the pre-training.
    held_out : HeldOut, optional
        Training images, and whether the run was right about them unseen, for
        `held_out.csv`.
    cv_predictions : CvPredictions, optional
        The same of a cross-validation, with all that was predicted, for
        `cv_predictions.h5`.
    familiarity : Familiarity, optional
        Of the training images' embeddings, for `familiarity.safetensors`.
    pictures : Mapping
        File name to content of what can only be drawn now.
    recipe : str
        For `recipe.toml`, from which `featx run` makes the same run; may be empty.
    """

    name: str
    info: Mapping[str, Any]
    metrics: Mapping[str, Any]
    paths: Sequence[str]
    labels: NDArray[np.integer]
    probabilities: NDArray[np.floating]
    head: Any = None
    model: Any = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    pretraining: Mapping[str, Sequence[float]] = field(default_factory=dict)
    held_out: HeldOut | None = None
    cv_predictions: CvPredictions | None = None
    familiarity: Familiarity | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    recipe: str = ""


def write_run(reports_dir: Path, contents: RunContents) -> Run:
    """Write a run folder under a temporary name and rename it into place.

    Raises
    ------
    RunError
        The folder can't be written: no permission, or the disk is full.
    """
    lock = FolderLock(reports_dir / LOCK_FILE)
    with _writing(reports_dir):
        with lock.alone() as alone:
            # Writers hold it shared: what is unfinished now has no living owner.
            if alone:
                remove_leftovers(reports_dir, ASIDE)
        with (
            lock.shared(),
            tempfile.TemporaryDirectory(
                prefix=ASIDE, dir=reports_dir, ignore_cleanup_errors=True
            ) as name,
        ):
            aside = Path(name)
            # It is made private; a run is as readable as its neighbours.
            aside.chmod(reports_dir.stat().st_mode & 0o777)
            _fill(aside, contents)
            target = _rename_to_free_name(aside, reports_dir, slug(contents.name))
            sync_folder(reports_dir)
        return read_run(target)


def claim_reports(reports_dir: Path, what: str = "run") -> None:
    """Make a folder and check that it can be written, before a long computation.

    Parameters
    ----------
    what : str
        What is to be written there, for the error.

    Raises
    ------
    RunError
    """
    with _writing(reports_dir, what), tempfile.TemporaryFile(dir=reports_dir):
        pass


def check_reports(
    reports_dir: Path, what: str = "run", *, may_have_it: bool = False
) -> None:
    """Check that a folder can be written to, before any work, and make nothing.

    Parameters
    ----------
    what : str
        What is to be written there, for the error.
    may_have_it : bool
        Whether a folder that has runs will do as it is: the one that is wanted may be
        among them.

    Raises
    ------
    RunError
    """
    if may_have_it and any(run_paths(reports_dir)):
        return
    with _failures_named(reports_dir, what):
        check_writable(reports_dir)


@contextlib.contextmanager
def drawing(reports_dir: Path, folders: Iterable[Path]) -> Iterator[None]:
    """Keep what is being written to some folders; first remove what killed ones left.

    Parameters
    ----------
    reports_dir : Path
        With the lock.
    folders : iterable of Path
        It, or folders in it, to which pages are written.
    """
    lock = FolderLock(reports_dir / LOCK_FILE)
    with lock.alone() as alone:
        # Who draws holds it shared: what is unfinished now has no living owner.
        if alone:
            for path in folders:
                remove_leftovers(path)
    with lock.shared():
        yield


@contextlib.contextmanager
def _writing(reports_dir: Path, what: str = "run") -> Iterator[None]:
    """Make a folder, and name it in the error where it can't be written to."""
    with _failures_named(reports_dir, what):
        reports_dir.mkdir(parents=True, exist_ok=True)
        yield


@contextlib.contextmanager
def _failures_named(reports_dir: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{reports_dir}: can't write the {what} ({error.strerror or error});"
            " fix that or choose another --out-dir"
        ) from error


def _fill(aside: Path, contents: RunContents) -> None:
    """Write a run's files, down to the disk."""
    # What can't be read back must not be written.
    Metrics.model_validate(contents.metrics)
    (aside / METRICS_FILE).write_bytes(json_bytes(contents.metrics))
    if contents.recipe:
        (aside / RECIPE_FILE).write_text(contents.recipe, encoding="utf-8")
    _write_csv(aside / PREDICTIONS_FILE, _predictions(contents))
    histories = {
        HISTORY_FILE: contents.history,
        PRETRAINING_FILE: contents.pretraining,
    }
    for name, history in histories.items():
        if history:
            epochs = zip(*history.values(), strict=True)
            _write_csv(aside / name, [history, *epochs])
    if contents.held_out is not None:
        rows = zip(*contents.held_out, strict=True)
        lines = ([path, group, int(right)] for path, group, right in rows)
        _write_csv(aside / HELD_OUT_FILE, chain([HELD_OUT_COLUMNS], lines))
    for name, picture in contents.pictures.items():
        (aside / name).write_bytes(picture)
    digests = {}
    if contents.cv_predictions is not None:
        write_cv_predictions(aside / CV_PREDICTIONS_FILE, contents.cv_predictions)
        digests["cv_predictions_sha256"] = sha256_of(aside / CV_PREDICTIONS_FILE)
    if contents.familiarity is not None:
        path = aside / FAMILIARITY_FILE
        path.write_bytes(familiarity_bytes(contents.familiarity))
        digests["familiarity_sha256"] = sha256_of(path)
    info = {
        "format": FORMAT,
        "version": VERSION,
        **contents.info,
        "model_sha256": sha256_of(_write_model(aside, contents)),
        **digests,
        **provenance((*VERSIONS, *_backend())),
    }
    RunInfo.model_validate(info)
    (aside / RUN_FILE).write_bytes(json_bytes(info))
    sync_files(aside)  # before their folder gets its name


def _backend() -> tuple[str, ...]:
    """Return the package of Keras' backend; none where featx has none to run on."""
    with contextlib.suppress(BackboneError):
        return (keras_backend(),)
    return ()


def _write_model(aside: Path, contents: RunContents) -> Path:
    """Write the head or the model; return the file."""
    if contents.model is not None:
        path = aside / MODEL_FILE
        contents.model.save(path)
    else:
        from featx.heads.file import head_bytes

        path = aside / HEAD_FILE
        path.write_bytes(head_bytes(contents.head))
    return path


def find_fitted(reports_dir: Path, fingerprint: str) -> Run | None:
    """Return the run that was made of the same inputs, if there is one."""
    for path in run_paths(reports_dir):
        # One damaged run, or one being deleted, must not keep others from being made.
        with contextlib.suppress(RunError):
            run = read_run(path)
            models = (HEAD_FILE, MODEL_FILE)
            whole = any((path / name).is_file() for name in models)
            if whole and run.info.fingerprint == fingerprint:
                return run
    return None


def slug(name: str) -> str:
    """Turn a name into one that every file system takes, and no option either."""
    plain = re.sub(r"[^\w.+-]+", "_", name)
    # File systems limit the bytes; backbone and head stand at the end.
    short = plain.encode()[-MAX_NAME:].decode(errors="ignore")
    return short.strip("._-") or "data"


def _rename_to_free_name(aside: Path, reports_dir: Path, name: str) -> Path:
    """Rename to the first free name; two processes can't take the same one."""
    count = 1
    while True:
        target = reports_dir / (name if count == 1 else f"{name}-{count}")
        if not target.exists():
            try:
                # A rename onto a folder with content fails: the other was first.
                os.rename(aside, target)  # noqa: PTH104
                return target
            except OSError:
                if not target.exists():
                    raise
        count += 1


def _predictions(contents: RunContents) -> Iterator[list[str]]:
    """Yield the rows of `predictions.csv`: never all at once, of many classes."""
    classes = contents.metrics["classes"]
    yield ["path", "label", "predicted", "confidence", *(f"p_{c}" for c in classes)]
    for image, label, probabilities in zip(
        contents.paths, contents.labels, contents.probabilities, strict=True
    ):
        best = probabilities.argmax()
        values = (f"{p:.6g}" for p in (probabilities[best], *probabilities))
        yield [image, classes[label], classes[best], *values]


def _write_csv(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors=UNDECODED) as file:
        csv.writer(file).writerows(rows)


def make_run(
    reports_dir: Path,
    kind: Kind,
    fingerprint: str,
    make: Callable[[Path], RunContents],
    *,
    progress: Progress = SILENT,
) -> Run:
    """Return the run of these inputs; make it where there is none yet.

    Of several processes that want the same run, one makes it and the others wait.

    Parameters
    ----------
    reports_dir : Path
    kind : Kind
    fingerprint : str
        Differs between runs whose inputs differ.
    make : callable
        Called with a folder that exists until the run is written; what it saves there
        is found again if it is interrupted.
    progress : Progress
        Reports the run, and that another process is being waited for.

    Raises
    ------
    RunError
        The run can't be written.
    """
    state = reports_dir / f".{STATE_OF[kind]}-{fingerprint}"
    # Without a state no process is making it, so even a read-only folder will do.
    run = None if state.exists() else find_fitted(reports_dir, fingerprint)
    fresh = False
    if run is None:
        claim_reports(reports_dir)
    while run is None:
        with _writing(reports_dir):
            state.mkdir(exist_ok=True)
        lock = FolderLock(state / LOCK_FILE)
        with lock.exclusive(lambda: progress.note(WAITING)) as whole:
            if not whole:  # its holder made the run and removed the state
                continue
            # The last holder of the lock may just have written the run.
            run = find_fitted(reports_dir, fingerprint)
            fresh = run is None
            if run is None:
                contents = make(state)
                made = {**contents.info, "kind": kind, "fingerprint": fingerprint}
                run = write_run(reports_dir, replace(contents, info=made))
            shutil.rmtree(state, ignore_errors=True)
    progress.run(run.short_title, run.path, fresh=fresh)
    return run
