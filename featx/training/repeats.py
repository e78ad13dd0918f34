"""What repeated trainings reached: mean and sample deviation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

REPEATED = ("val_accuracy", "accuracy", "log_loss")
"""Metrics that are compared between trainings with different seeds."""


def spread(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the scores of all repeats, with mean and sample deviation.

    Parameters
    ----------
    metrics : sequence of mapping
        The content of `metrics.json` of each; at least two.
    """
    found = {}
    for name in REPEATED:
        values = [one[name] for one in metrics]
        if None not in values:  # there may be no validation split
            mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
            found[name] = {"mean": mean, "std": std, "values": values}
    return found
