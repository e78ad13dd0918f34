"""Format numbers for the pages and the terminal."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from featx.evaluation.metrics import BY_KEY, Metric
from featx.runs.metrics import Metrics
from featx.runs.run import Run

MISSING = "\u2013"  # an en dash


def show(metrics: Metrics, key: str) -> str:
    """Write one metric: shares in percent, others with three decimals."""
    value = metrics.get(key)
    return MISSING if value is None else _write(value, BY_KEY[key])


def show_interval(metrics: Metrics, key: str) -> str:
    """Write the 95% interval of one metric, empty where it has none."""
    interval = metrics.intervals.get(key)
    if interval is None:
        return ""
    low, high = (_write(bound, BY_KEY[key]) for bound in interval)
    return f"{low} to {high}"


def folds_of(run: Run) -> str:
    """Write how a run was cross-validated: ``5 folds``, ``3×5 folds``."""
    if run.cv_settings is None:
        return ""
    folds, repeats, _ = run.cv_settings
    return f"{folds} folds" if repeats == 1 else f"{repeats}×{folds} folds"


def ways_of(runs: Iterable[Run]) -> dict[tuple[int, int, int] | None, str]:
    """Write how runs were cross-validated, where not all of them were alike.

    Returns
    -------
    dict
        From `Run.cv_settings` to words such as ``5 folds``, with the seed where only
        it tells two apart: ``5 folds, seed 3``. Empty where all were alike.
    """
    known = {run.cv_settings: folds_of(run) for run in runs if run.cv_settings}
    if len(known) < 2:
        return {}
    alike = Counter(known.values())
    return {
        settings: f"{words}, seed {settings[2]}" if alike[words] > 1 else words
        for settings, words in known.items()
    }


def percent(share: float, decimals: int = 1) -> str:
    """Write a share as percent: 0.6652 is ``66.5%``.

    The share is rounded before it is multiplied, so that the digits are those of
    ``f"{share:.3f}"`` in the terminal: ``100 * 0.8625`` would round to 86.2.
    """
    rounded = float(f"{share:.{decimals + 2}f}") + 0.0  # no negative zero
    return f"{100 * rounded:.{decimals}f}%"


def points(share: float) -> str:
    """Write a difference or deviation of shares, in percentage points."""
    return percent(share).removesuffix("%")


def counted(count: int, one: str, several: str = "") -> str:
    """Write a count with its noun: ``1 image``, ``2,000 images``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def duration(seconds: float, *, rough: bool = False) -> str:
    """Write a time span: ``21 ms``, ``3.5 s``, ``5 min 12 s``, ``2 h 5 min``.

    Parameters
    ----------
    seconds : float
    rough : bool
        Whether it is an estimate: ``1 s``, ``40 s``, ``5 min``, ``2.1 h``.
    """
    if rough:
        return _rough_duration(seconds)
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _rough_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def file_size(count: float) -> str:
    """Write a number of bytes: ``512 B``, ``24 kB``, ``3.1 MB``, ``148 GB``."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        del units[0]
    decimals = 1 if count < 9.95 and units[0] not in {"B", "kB"} else 0
    return f"{count:.{decimals}f} {units[0]}"


def moment(created: str) -> str:
    """Write an ISO time as day and minute in UTC; anything else as it is."""
    try:
        parsed = datetime.fromisoformat(created)
    except ValueError:
        return created
    if parsed.tzinfo is not None:
        parsed = parsed.astimezone(UTC)
    return f"{parsed:%Y-%m-%d %H:%M} UTC"


def _write(value: float, metric: Metric) -> str:
    return percent(value) if metric.share else f"{value:.3f}"
