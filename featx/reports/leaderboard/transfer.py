"""What transfer is worth: frozen features beside a network trained from scratch."""

from collections.abc import Sequence

from featx.errors import RunError
from featx.evaluation.intervals import paired_difference
from featx.reports.numbers import percent, points
from featx.runs.run import Run


def transfer_gap(runs: Sequence[Run]) -> str:
    """Say how far the best transfer and the best network from scratch are apart.

    Parameters
    ----------
    runs : sequence of Run
        Of one data set, best first. Heads on random weights don't count as transfer.

    Returns
    -------
    str
        Empty where there is not one of each. With a 95% interval, paired by image,
        where both were tested on the same files.
    """
    scratch = next((run for run in runs if run.from_scratch), None)
    transfer = next(
        (run for run in runs if not (run.has_model or run.random_weights)), None
    )
    if scratch is None or transfer is None:
        return ""
    ours, theirs = transfer.metrics.accuracy, scratch.metrics.accuracy
    text = (
        f"On the test split {transfer.title} reaches {percent(ours)} and"
        f" {scratch.title}, {percent(theirs)}: transfer is worth"
        f" {points(ours - theirs)} points"
    )
    interval = _paired_interval(transfer, scratch)
    if interval is None:
        return f"{text}."
    low, high = interval
    chance = ", so it could be chance" if low <= 0 <= high else ""
    return f"{text} (95% interval {points(low)} to {points(high)}{chance})."


def _paired_interval(one: Run, other: Run) -> list[float] | None:
    """Return the interval of the difference of two runs' accuracies, [low, high]."""
    try:
        ours, theirs = _hits(one), _hits(other)
    except RunError:  # damaged since its page was drawn
        return None
    if ours.keys() != theirs.keys():
        return None
    paired = [theirs[path] for path in ours]
    return paired_difference(list(ours.values()), paired, n=one.metrics.n_independent)[
        1
    ]


def _hits(run: Run) -> dict[str, bool]:
    """Return for each test image whether a run was right."""
    found = run.predictions()
    return dict(zip(found.paths, found.correct.tolist(), strict=True))
