"""Figures of runs: the same in a notebook and on the pages."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featx.errors import RunError
from featx.evaluation.calibration import reliability as measure_reliability
from featx.figures.confusion_matrix import confusion_figure
from featx.figures.leaderboard import leaderboard_figure
from featx.figures.learning_curve import learning_curve_figure
from featx.figures.per_class import per_class_figure
from featx.figures.reliability import reliability_figure
from featx.figures.style import RANDOM_WEIGHTS
from featx.figures.training_curves import (
    Curves,
    curves_figure,
    reconstruction_figure,
    warmup_epochs,
)
from featx.runs.ranking import same_data
from featx.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "confusion_matrix",
    "leaderboard",
    "learning_curve",
    "per_class",
    "pretraining_curve",
    "reliability",
    "training_curves",
]


def confusion_matrix(run: Run, *, normalised: bool = False) -> "Figure":
    """Draw a run's confusion matrix.

    Parameters
    ----------
    run : Run
    normalised : bool
        Percent of each true class instead of numbers of test images.
    """
    return confusion_figure(
        run.metrics.confusion, run.classes, _subtitle(run), normalised=normalised
    )


def per_class(run: Run) -> "Figure":
    """Draw precision, recall and F1 by class; of many classes the best and worst."""
    return per_class_figure(run.metrics.per_class, run.classes, _subtitle(run))


def reliability(run: Run) -> "Figure":
    """Draw how often a run is right against how sure it is.

    On the test images, and, where it was cross-validated, on the training images that
    were held out.

    Raises
    ------
    RunError
        `predictions.csv` is missing or damaged, or `cv_predictions.h5` is.
    """
    found, in_folds = run.predictions(), run.cv_predictions()
    bins = measure_reliability(found.confidence, found.correct)
    held_out = None
    if in_folds is not None:
        held_out = measure_reliability(in_folds.confidence, in_folds.correct[0])
    return reliability_figure(bins, _subtitle(run), held_out)


def learning_curve(run: Run) -> "Figure":
    """Draw accuracy against training images, and what twice as many would bring.

    Raises
    ------
    RunError
        The head was fitted without ``learning_curve=True``.
    """
    curve = run.metrics.learning_curve
    if curve is None:
        raise RunError(
            f"{run.path}: no learning curve was measured; fit it with --learning-curve"
        )
    return learning_curve_figure(curve, _subtitle(run))


def training_curves(run: Run) -> "Figure":
    """Draw loss and accuracy over the epochs of a run's training.

    Raises
    ------
    RunError
        The run has no training curves, or they are damaged.
    """
    history = run.history()
    if not len(history.get("epoch", ())):
        raise RunError(f"{run.path}: {run.head} isn't trained by epochs, so no curves")
    return curves_figure(history, _subtitle(run), **_choice(run, history))


def pretraining_curve(run: Run) -> "Figure":
    """Draw the loss over the epochs of a network's pre-training.

    Raises
    ------
    RunError
        The network was not pre-trained, or the curve is damaged.
    """
    history = run.pretraining()
    if not len(history.get("epoch", ())):
        raise RunError(f"{run.path}: there was no pre-training, so no curve")
    return reconstruction_figure(history, _subtitle(run))


def leaderboard(runs: Sequence[Run]) -> "Figure":
    """Draw the accuracies of runs on one data set, best in cross-validation first.

    Raises
    ------
    RunError
        There is no run, or runs are of several data sets.
    """
    groups = same_data(runs)
    if len(groups) != 1:
        names = ", ".join(sorted({run.data_name for run in runs})) or "none"
        raise RunError(f"runs of one data set and split are needed, got {names}")
    (ranked,) = groups.values()
    metrics = ranked[0].metrics
    return leaderboard_figure(
        ranked,
        f"{ranked[0].data_name}: {metrics.n_train:,} training,"
        f" {metrics.n_test:,} test images",
    )


def _subtitle(run: Run) -> str:
    """Say whose numbers these are, and that random weights mean little."""
    return run.name + (f"  ·  {RANDOM_WEIGHTS}" if run.random_weights else "")


def _choice(run: Run, history: Curves) -> dict[str, Any]:
    """Return which epoch was chosen, and the accuracy that fine-tuning started from."""
    found = run.metrics.finetune
    if found is None:
        return {"chosen": run.metrics.best_epoch}
    # Epochs are counted through the warm-up, and 0 chooses none of them.
    chosen = 0
    if found.share is None and found.epochs:
        chosen = warmup_epochs(history) + found.epochs
    return {"chosen": chosen, "before": found.parent.val_accuracy}
