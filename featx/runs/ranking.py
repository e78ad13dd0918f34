"""Rank runs by `cv_accuracy`; the test split never chooses."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

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

    Runs that were not cross-validated come last, by the accuracy on the images that
    were held out of training: a score on few images says less than one on all.
    """
    return sorted(runs, key=_rank)


def _rank(run: Run) -> tuple[bool, float, str]:
    cv_accuracy = run.metrics.cv_accuracy
    if cv_accuracy is not None:
        return False, -cv_accuracy, run.name
    return True, -(run.metrics.val_accuracy or 0.0), run.name


def best_run(runs: Iterable[Run]) -> Run:
    """Return the run with the highest `cv_accuracy`.

    Raises
    ------
    RunError
        There is no run that was cross-validated.
    """
    ranked = [run for run in rank_runs(runs) if run.metrics.cv_accuracy is not None]
    if not ranked:
        raise RunError("there is no run yet; `featx fit --head all` makes some")
    return ranked[0]


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
