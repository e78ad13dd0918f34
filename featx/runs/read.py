"""Read run folders: one, or all that are in a folder."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from featx.errors import RunError
from featx.files import read_json
from featx.runs.files import METRICS_FILE, RUN_FILE, damaged
from featx.runs.info import FORMAT, VERSION, Kind, RunInfo
from featx.runs.metrics import Metrics
from featx.runs.record import Record
from featx.runs.run import Run

AnyRecord = TypeVar("AnyRecord", bound=Record)


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
        found = [
            p for p in sorted(reports_dir.iterdir()) if os.path.lexists(p / RUN_FILE)
        ]
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
