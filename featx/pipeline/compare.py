"""Compare runs: find them by name, and test which differ by more than chance."""

from collections.abc import Sequence
from pathlib import Path

from featx.runs.comparison import ROPE, Comparison, compare_runs
from featx.runs.find import find_run
from featx.runs.run import Run
from featx.runs.settings import ReportSettings


def compare(
    runs: Sequence[Run | str | Path],
    out_dir: str | Path = ReportSettings().out_dir,
    *,
    rope: float = ROPE,
) -> Comparison:
    """Compare runs of the same data: which differ by more than chance explains.

    Parameters
    ----------
    runs : sequence of Run, str or Path
        Two or more: runs, their folders or names.
    out_dir : str or Path
        The folder of all runs, where those given by name are.
    rope : float
        The region of practical equivalence: differences of accuracy of at most this
        size don't matter.

    Returns
    -------
    Comparison
        McNemar's tests and paired intervals on training images that were held out, and
        on test images; the corrected resampled t-test and the Bayesian correlated
        t-test on folds; which runs are as good as the best by cross-validation.

    Raises
    ------
    RunError
        There are fewer than two runs, one is unknown or damaged, or they are of
        different data or folds.

    Examples
    --------
    >>> featx.compare(featx.list_runs("reports")).standing.recommended
    """
    found = [find_run(Path(out_dir), run) for run in runs]
    return compare_runs(found, rope=rope)
