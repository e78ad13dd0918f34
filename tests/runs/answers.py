"""Runs that got given training images right when they were held out."""

from dataclasses import replace

import numpy as np

from featx.evaluation.cross_validation import FoldScores
from featx.runs.cv_predictions import CvPredictions
from featx.runs.write import write_run
from tests.runs.conftest import contents

FOLDS = 5


def answers(correct, *, groups=None, shift=0):
    """Return predictions of two classes, right or wrong as given.

    Parameters
    ----------
    correct : array-like of bool, shape (n,) or (repeats, n)
    shift : int
        Moves images to other folds.
    """
    correct = np.atleast_2d(correct).astype(bool)
    n = correct.shape[1]
    labels, fold = np.arange(n) % 2, (np.arange(n) + shift) % FOLDS
    predicted = np.where(correct, labels, 1 - labels)
    accuracy = [[hits[fold == k].mean() for k in range(FOLDS)] for hits in correct]
    held_out = np.tile(np.bincount(fold), (len(correct), 1))
    return CvPredictions(
        paths=tuple(f"train/{i}.png" for i in range(n)),
        groups=np.arange(n) if groups is None else np.asarray(groups),
        labels=labels,
        fold=fold,
        probabilities=np.eye(2, dtype=np.float32)[predicted[0]],
        predicted=predicted,
        by_fold=FoldScores(np.array(accuracy), n - held_out, held_out),
    )


def write_answered(folder, name, correct, *, test=None, seed=0, **options):
    """Write a run that was cross-validated, and read it back.

    Parameters
    ----------
    test : sequence of bool, optional
        Whether each test image was right; all are where it isn't given.
    options
        Of `answers`; others are for `run.json`.
    """
    given = {key: options.pop(key) for key in ("groups", "shift") if key in options}
    found = answers(correct, **given)
    test = [True] * 8 if test is None else test
    made = contents(
        name,
        cv_accuracy=float(found.correct.mean()),
        paths=[f"test/{i}.png" for i in range(len(test))],
        **{
            "settings": {"folds": FOLDS, "repeats": len(found.correct), "seed": seed},
            **options,
        },
    )
    wrong = 1 - np.asarray(test, int)
    made.metrics.update(n_train=len(found.paths), accuracy=float(np.mean(test)))
    made = replace(
        made,
        probabilities=np.eye(2)[(made.labels + wrong) % 2],
        cv_predictions=found,
    )
    return write_run(folder, made)


def hits(n, wrong):
    """Return all right but for some images."""
    right = np.ones(n, bool)
    right[list(wrong)] = False
    return right
