"""Making a run that takes long: once, by one process, and gone on with after a kill."""

import shutil
from collections.abc import Callable
from pathlib import Path

from featx.errors import RunError
from featx.locks import FolderLock
from featx.runs.folder import Run
from featx.runs.writing import RunContents, find_fitted, write_run


def make_run(
    reports_dir: Path,
    kind: str,
    fingerprint: str,
    make: Callable[[Path], RunContents],
) -> tuple[Run, bool]:
    """Return the run of these inputs, made now where there is none.

    Parameters
    ----------
    reports_dir : Path
    kind, fingerprint : str
        What is made, and of which inputs.
    make : callable
        Told a folder that lasts until the run is written: what it keeps there it finds
        again after a kill.

    Returns
    -------
    run : Run
    fresh : bool
        Whether it was made now.

    Raises
    ------
    RunError
        Another process is at it, or the run can't be written.
    """
    folder = reports_dir / f".{kind}-{fingerprint}"
    folder.mkdir(exist_ok=True)
    with FolderLock(folder / ".lock").alone() as alone:
        if not alone:
            raise RunError(f"{folder}: another process is at this training now")
        # Looked for under the lock: who had it before may just have written the run.
        run = find_fitted(reports_dir, fingerprint)
        fresh = run is None
        if run is None:
            run = write_run(reports_dir, make(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return run, fresh
