"""The settings of the data that a run was made of."""

from pydantic import ValidationError

from featx.errors import RunError
from featx.images.layouts.options import DataSettings
from featx.images.packed.find import data_path
from featx.runs.run import Run


def data_of(run: Run) -> DataSettings:
    """Return the data that a run was made of.

    By the path that was given then, if it still leads there, else by the absolute one.

    Raises
    ------
    RunError
        Another version of featx wrote settings that this one does not know.
    """
    info = run.info.data
    given = info.settings or {"seed": run.info.seed or 0}
    path = data_path(str(given.get("path", info.root)))
    if str(path.resolve()) != info.root:
        path = data_path(info.root)
    try:
        return DataSettings.model_validate({**given, "path": path})
    except ValidationError as error:
        raise of_another_version(run) from error


def of_another_version(run: Run) -> RunError:
    """Return the error about settings that this version of featx does not know."""
    return RunError(
        f"{run.path}: made with settings of another featx version; fit again"
    )
