"""All figures of a run, as PNG files' contents."""

from typing import Any

import numpy as np

from featx.evaluation.calibration import reliability
from featx.reports.canvas import RANDOM_WEIGHTS, png
from featx.reports.classes import per_class_figure
from featx.reports.curves import (
    Curves,
    curves_figure,
    reliability_figure,
    warmup_epochs,
)
from featx.reports.matrix import confusion_figure
from featx.runs.run import Predictions, Run


def run_figures(run: Run, predictions: Predictions) -> dict[str, bytes]:
    """Draw all figures of a run.

    Returns
    -------
    dict
        File name to PNG; `curves.png` only where the head was trained by epochs.
    """
    whose = run.name + (f"  ·  {RANDOM_WEIGHTS}" if run.random_weights else "")
    matrix = run.metrics.confusion
    correct = np.array(predictions.labels) == np.array(predictions.predicted)
    drawn = {
        "confusion_counts.png": confusion_figure(
            matrix, run.classes, whose, normalised=False
        ),
        "confusion_normalised.png": confusion_figure(
            matrix, run.classes, whose, normalised=True
        ),
        "per_class.png": per_class_figure(run.metrics.per_class, run.classes, whose),
        "reliability.png": reliability_figure(
            reliability(predictions.confidence, correct), whose
        ),
    }
    history = run.history()
    if history and len(history["epoch"]):
        drawn["curves.png"] = curves_figure(history, whose, **_choice(run, history))
    return {name: png(figure) for name, figure in drawn.items()}


def _choice(run: Run, history: Curves) -> dict[str, Any]:
    """Return which epoch a fine-tuning chose, and the accuracy that it started from."""
    found = run.metrics.finetune
    if found is None:
        return {}
    # Epochs are counted through the warm-up, and 0 chooses none of them.
    chosen = found.epochs and warmup_epochs(history) + found.epochs
    return {"chosen": chosen, "before": found.parent.val_accuracy}
