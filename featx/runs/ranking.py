"""Rank runs by `cv_accuracy`; the test split never chooses."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from featx.errors import RunError
from featx.evaluation.metrics import METRICS
from featx.runs.frames import import_pandas
from featx.runs.run import Run

LABELLED_BY = ("labels", "path_column", "label_column", "train_list", "test_list")
"""Fields of `DataSettings` that say where labels come from."""

if TYPE_CHECKING:
    from pandas import DataFrame


def rank_runs(runs: Iterable[Run]) -> list[Run]:
    """Sort runs of one data set, best by cross-validated accuracy first.

    Accuracies are ranked among runs with the same folds, repeats and seed only. Where
    there are several such sets of runs, the largest comes first; of two as large, the
    one with more repeats. The cross-validated log loss decides between equal
    accuracies. Runs that were not cross-validated come last, by the accuracy on the
    images that were held out of training: a score on few images says less than one on
    all.
    """
    runs = list(runs)
    alike = Counter(run.cv_settings for run in runs)

    def rank(run: Run) -> tuple[Any, ...]:
        metrics, settings = run.metrics, run.cv_settings
        if metrics.cv_accuracy is None or settings is None:
            return True, -(metrics.val_accuracy or 0.0), run.name
        folds, repeats, seed = settings
        loss = math.inf if metrics.cv_log_loss is None else metrics.cv_log_loss
        thorough = (-alike[settings], -repeats, -folds, seed)
        return False, *thorough, -metrics.cv_accuracy, loss, run.name

    return sorted(runs, key=rank)


def best_run(runs: Iterable[Run]) -> Run:
    """Return the first of `rank_runs`.

    Raises
    ------
    RunError
        There is no run that was cross-validated.
    """
    ranked = [run for run in rank_runs(runs) if run.metrics.cv_accuracy is not None]
    if not ranked:
        raise RunError("there is no run yet; `featx fit --head all` makes some")
    return ranked[0]


def tied_with(best: Run, runs: Iterable[Run]) -> list[Run]:
    """Return the runs that were as accurate in the same cross-validation, and it."""
    return [
        run
        for run in runs
        if run.cv_settings == best.cv_settings
        and run.metrics.cv_accuracy == best.metrics.cv_accuracy
    ]


def same_data(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Group runs by data fingerprint: only within a group can scores be compared.

    The group with the newest run comes first; each is ranked.
    """
    groups: dict[str, list[Run]] = {}
    by_name = sorted(runs, key=lambda run: run.data_name)
    for run in sorted(by_name, key=lambda run: run.info.created, reverse=True):
        groups.setdefault(run.data_fingerprint, []).append(run)
    return {fingerprint: rank_runs(group) for fingerprint, group in groups.items()}


def older_labels(runs: Iterable[Run]) -> set[str]:
    """Return the data fingerprints of runs whose images have other labels by now.

    A later run has the same images, of the same folder, labelled in the same way, such
    as by the same file, but not the same labels.
    """
    latest: dict[str, Run] = {}
    known = [run for run in runs if run.info.data.content]
    for run in sorted(known, key=lambda run: run.info.created):
        latest[_labelled_images(run)] = run
    return {
        run.data_fingerprint
        for run in known
        if run.info.created < latest[_labelled_images(run)].info.created
        and run.info.data.labels != latest[_labelled_images(run)].info.data.labels
    }


def _labelled_images(run: Run) -> str:
    """Identify a run's images and where their labels come from."""
    data = run.info.data
    settings = data.settings or {}
    return repr([data.content, data.root, *(settings.get(key) for key in LABELLED_BY)])


def leaderboard_frame(runs: Iterable[Run]) -> "DataFrame":
    """Return a pandas DataFrame with a row per run, best first within each data set.

    Parameters
    ----------
    runs : iterable of Run

    Raises
    ------
    FeatxError
        pandas is not installed.
    """
    runs = list(runs)
    older = older_labels(runs)
    rows = [
        {
            "run": run.name,
            "data": run.data_name,
            "older_labels": run.data_fingerprint in older,
            "kind": run.info.kind.value,
            "backbone": run.backbone,
            "head": run.head,
            **{metric.key: run.metrics.get(metric.key) for metric in METRICS},
        }
        for group in same_data(runs).values()
        for run in group
    ]
    return import_pandas().DataFrame(rows)
