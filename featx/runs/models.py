"""Load the head or the Keras model of a run, if it is the one that was written."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from featx.errors import HeadError, RunError, first_line
from featx.runs.files import (
    HEAD_FILE,
    MODEL_FILE,
    PICKLED_HEAD_FILE,
    check_sha256,
    damaged,
)

if TYPE_CHECKING:
    from featx.heads.base import Head
    from featx.runs.run import Run

Model = TypeVar("Model")


def is_pickled(folder: Path) -> bool:
    """Return whether the head in a run folder is a pickle, as featx 0.2 wrote it."""
    return (folder / PICKLED_HEAD_FILE).is_file() and not (folder / HEAD_FILE).is_file()


def load_head(run: "Run") -> "Head":
    """Load a run's head; see `Run.load_head`."""
    from featx.heads.file import read_head

    pickled = run.path / PICKLED_HEAD_FILE
    if is_pickled(run.path):
        if not run.trust:
            raise RunError(
                f"{pickled}: a pickle, which can run code; make the run again, or"
                " add --trust (trust=True in Python) if you trust its source"
            )
        # Runs that have a pickle have no digest of it.
        return _checked_head(run, pickled, _load(pickled, _unpickle, sha256=""))
    path = run.path / HEAD_FILE
    return _checked_head(run, path, _load(path, read_head, run.info.model_sha256))


def load_model(run: "Run") -> Any:
    """Load a run's Keras model; see `Run.load_model`."""
    from featx.frameworks import garbage_kept, import_keras

    keras = import_keras()
    with garbage_kept():  # half of the time that loading takes
        return _load(
            run.path / MODEL_FILE,
            lambda path: keras.saving.load_model(path, safe_mode=True),
            run.info.model_sha256,
        )


def _checked_head(run: "Run", path: Path, head: "Head") -> "Head":
    found, expected = len(head.classes_), len(run.classes)
    if found != expected:
        raise damaged(path, f"{found} classes, the run has {expected}")
    return head


def _load(path: Path, load: Callable[[Path], Model], sha256: str) -> Model:
    """Load the file of a model, if its digest is this one, where there is one."""
    if not path.is_file():
        raise damaged(path, "missing")
    try:
        if sha256:
            check_sha256(path, sha256)
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


def _unpickle(path: Path) -> "Head":
    """Load a head as featx 0.2 and older wrote it. This can run code."""
    import joblib

    from featx.heads.file import checked_head

    return checked_head(joblib.load(path))
