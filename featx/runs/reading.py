"""Finding run folders and reading them."""

import json
from pathlib import Path
from typing import Any

from featx.errors import RunError
from featx.runs.folder import FORMAT, METRICS_FILE, RUN_FILE, VERSION, Run, damaged


def read_run(path: Path) -> Run:
    """Read one run folder.

    Raises
    ------
    RunError
        The folder is missing, isn't a run, is damaged, or was written by a newer
        featx.
    """
    if not path.is_dir():
        raise RunError(
            f"{path}: no such run folder; `featx report` lists what there is"
        )
    info = _read_json(path / RUN_FILE)
    if info.get("format") != FORMAT:
        raise RunError(f"{path / RUN_FILE}: not a run of featx's")
    if not isinstance(info.get("version"), int):
        raise damaged(path / RUN_FILE, "no version")
    if info["version"] > VERSION:
        raise RunError(f"{path}: written by a newer featx; upgrade to read it")
    metrics = _read_json(path / METRICS_FILE)
    _check_keys(path / RUN_FILE, info, ("head", "backbone", "weights", "data"))
    _check_keys(path / RUN_FILE, info["data"], ("name", "fingerprint"))
    _check_keys(path / METRICS_FILE, metrics, ("cv_accuracy", "classes"))
    return Run(path, info, metrics)


def list_runs(reports_dir: Path) -> list[Run]:
    """Read all run folders in `reports_dir`, by name; other folders are passed over.

    Raises
    ------
    RunError
        One of them is damaged, or the folder can't be read.
    """
    return [read_run(path) for path in run_paths(reports_dir)]


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
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: not readable ({error.strerror})") from error
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "not an object")
    return content


def _check_keys(path: Path, content: Any, keys: tuple[str, ...]) -> None:
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            raise damaged(path, f"no '{key}'")
