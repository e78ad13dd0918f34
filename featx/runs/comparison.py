"""Compare runs with each other: which are as good as the best, and which to take."""

import contextlib
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import RunError
from featx.evaluation.comparison import (
    LEVEL,
    bayesian_t_test,
    choice_optimism,
    corrected_t_test,
    count_votes,
    folds_inflation,
    holm,
    mcnemar_test,
)
from featx.evaluation.cross_validation import FoldScores
from featx.evaluation.intervals import independent_images, paired_difference
from featx.runs.predictions import UNDECODED
from featx.runs.ranking import rank_runs
from featx.runs.run import Run

ROPE = 0.01
"""Differences of accuracy of at most one point don't matter, unless one says so."""

SHORT = 10.0
"""Seconds that are not worth a thought; longer times differ if by a factor of ten."""


def simplicity(run: Run) -> tuple[Any, ...]:
    """Return what sorts runs, the simplest and quickest first.

    Fewer embeddings of an image come first: each is a pass through a backbone, which
    takes most of the time of a prediction. Then linear heads, which are one layer; then
    fewer numbers that were learned; then much less time to fit.
    """
    parameters = run.info.parameters
    return (
        max(1, len(run.info.embedding)),
        not run.info.linear,
        math.inf if parameters is None else parameters,
        math.floor(math.log10(max(run.seconds, SHORT))),
    )


class PairedTest(NamedTuple):
    """How two runs differ on the same images.

    Attributes
    ----------
    difference : float
        Accuracy of the first minus that of the second.
    interval : list of float
        95% interval of the difference, [low, high].
    gained, lost : int
        Different images that speak for the first, and for the second.
    p_value : float
        Of both being equally good.
    adjusted : float
        The same for all pairs that were compared, by Holm's correction.
    """

    difference: float
    interval: list[float]
    gained: int
    lost: int
    p_value: float
    adjusted: float

    @property
    def is_significant(self) -> bool:
        """Whether chance does not explain the difference."""
        return self.adjusted < LEVEL


class FoldsTest(NamedTuple):
    """How two runs differ in the folds of a cross-validation.

    Attributes
    ----------
    p_value : float
        By the corrected resampled t-test.
    better, equivalent, worse : float
        How probable it is that the first run is better, as good, or worse.
    """

    p_value: float
    better: float
    equivalent: float
    worse: float


@dataclass(frozen=True)
class Pair:
    """Two runs beside each other.

    Attributes
    ----------
    first, second : Run
    cv : PairedTest or None
        On the training images, held out; None where not both were cross-validated.
    folds : FoldsTest or None
        The same, fold by fold.
    test : PairedTest
        On the test images.
    """

    first: Run
    second: Run
    cv: PairedTest | None
    folds: FoldsTest | None
    test: PairedTest


@dataclass(frozen=True)
class Standing:
    """Which runs are as good as the best by cross-validation.

    Attributes
    ----------
    best : Run
        The first by rank.
    as_good : tuple of Run
        It, and those that no test tells from it, best first.
    compared : int
        Runs that were cross-validated in the same folds, whose answers are known.
    optimism : float
        By how much the accuracy of the best is too high for being the best of them.
    """

    best: Run
    as_good: tuple[Run, ...]
    compared: int
    optimism: float

    @property
    def recommended(self) -> Run:
        """The simplest and quickest of those that are as good; of equals the best."""
        return min(self.as_good, key=simplicity)


@dataclass(frozen=True)
class Comparison:
    """Runs of one data set, compared pair by pair.

    Attributes
    ----------
    runs : tuple of Run
        Best by cross-validation first.
    pairs : tuple of Pair
        Each pair has two runs, `first` and `second`, the better one by rank first.
        `test`, on test images, and `cv`, on training images held out, have
        `difference`, `interval`, the numbers of images that only the first (`gained`)
        or only the second got right (`lost`), `p_value`, and the same `adjusted` for
        all pairs. `folds` has the `p_value` of the corrected t-test, and how probable
        it is that the first is `better`, `equivalent` or `worse`. `cv` and `folds` are
        None where not both were cross-validated.
    rope : float
        Differences of accuracy that don't matter, in the Bayesian test.
    standing : Standing or None
        The `best` run, those that are `as_good`, the `recommended` one, how many were
        `compared`, and the `optimism`: by how much the accuracy of the best is too
        high for being the best. None where fewer than two runs were cross-validated.
    """

    runs: tuple[Run, ...]
    pairs: tuple[Pair, ...]
    rope: float
    standing: Standing | None

    def __repr__(self) -> str:
        return f"Comparison({', '.join(run.name for run in self.runs)})"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as numbers and names, for JSON."""
        standing = self.standing
        return {
            "data": self.runs[0].data_name,
            "rope": self.rope,
            "runs": [
                {
                    "run": run.name,
                    "cv_accuracy": run.metrics.cv_accuracy,
                    "cv_interval": run.metrics.intervals.get("cv_accuracy"),
                    "accuracy": run.metrics.accuracy,
                    "interval": run.metrics.intervals.get("accuracy"),
                    "seconds": run.seconds,
                }
                for run in self.runs
            ],
            "pairs": [
                {
                    "first": pair.first.name,
                    "second": pair.second.name,
                    "cv": pair.cv and pair.cv._asdict(),
                    "folds": pair.folds and pair.folds._asdict(),
                    "test": pair.test._asdict(),
                }
                for pair in self.pairs
            ],
            "best": standing and standing.best.name,
            "as_good_as_best": standing and [run.name for run in standing.as_good],
            "recommended": standing and standing.recommended.name,
            "optimism": standing and standing.optimism,
        }


def compare_runs(runs: Sequence[Run], *, rope: float = ROPE) -> Comparison:
    """Compare runs of the same data on the images that all of them predicted.

    Parameters
    ----------
    runs : sequence of Run
        Two or more, of the same data and split. Those that were cross-validated must
        have been so in the same folds.
    rope : float
        The region of practical equivalence: differences of accuracy of at most this
        size don't matter.

    Returns
    -------
    Comparison
        With McNemar's tests and paired intervals on training images that were held out
        and on test images, the corrected resampled t-test and the Bayesian correlated
        t-test on folds. P-values are adjusted for the number of pairs by Holm's
        correction.

    Raises
    ------
    RunError
        There are fewer than two runs, they are of different data or folds, or a file of
        one is damaged.
    """
    if not 0 <= rope < 1:
        raise RunError(f"rope {rope:g}: must be from 0 to less than 1, such as 0.01")
    runs = rank_runs({run.path.resolve(): run for run in runs}.values())
    if len(runs) < 2:
        count = "1 run" if runs else "0 runs"
        raise RunError(f"{count} to compare; name two or more")
    _check_alike(runs)
    in_folds = [_Answers.read(run) for run in runs]
    _check_same_folds(runs, in_folds)
    on_test = _hits_on_test(runs)
    copies = 1 / runs[0].metrics.share_independent
    pairs = list(combinations(range(len(runs)), 2))
    tests = _adjusted([_on_test(on_test[a], on_test[b], copies) for a, b in pairs])
    known = {n: one for n, one in enumerate(in_folds) if one is not None}
    both = [(a, b) for a, b in pairs if a in known and b in known]
    answered = [(known[a], known[b]) for a, b in both]
    cv = dict(zip(both, _adjusted([_in_folds(*two) for two in answered]), strict=True))
    by_fold = [_by_fold(*two, rope) for two in answered]
    folds = dict(zip(both, by_fold, strict=True))
    return Comparison(
        tuple(runs),
        tuple(
            Pair(runs[a], runs[b], cv.get((a, b)), folds.get((a, b)), test)
            for (a, b), test in zip(pairs, tests, strict=True)
        ),
        rope,
        _standing(runs, in_folds),
    )


def find_standing(runs: Iterable[Run]) -> Standing | None:
    """Return which runs of one data set are as good as the best.

    Parameters
    ----------
    runs : iterable of Run
        Those that were cross-validated as the best was are compared; one that is
        damaged is left out.

    Returns
    -------
    Standing or None
        None where there are no two such runs whose answers are known.
    """
    ranked = [run for run in rank_runs(runs) if run.metrics.cv_accuracy is not None]
    answers: list[_Answers | None] = []
    for run in ranked:
        found = None
        if run.cv_settings == ranked[0].cv_settings:
            with contextlib.suppress(RunError):
                found = _Answers.read(run)
        is_alike = found and (not answers or found.is_like(answers[0]))
        answers.append(found if is_alike else None)
    return _standing(ranked, answers)


@dataclass(frozen=True)
class _Answers:
    """Which training images a run got right when they were held out.

    Attributes
    ----------
    correct : ndarray of bool, shape (repeats, n)
    groups : ndarray of int, shape (n,)
    by_fold : FoldScores
    key : str
        The same for the same images in the same folds.
    """

    correct: NDArray[np.bool_]
    groups: NDArray[np.integer]
    by_fold: FoldScores
    key: str

    @classmethod
    def read(cls, run: Run) -> "_Answers | None":
        """Read those of a run; None where it keeps none.

        Raises
        ------
        RunError
            The file is damaged.
        """
        found = run.cv_predictions()
        if found is None:
            return None
        digest = hashlib.sha256("\0".join(found.paths).encode("utf-8", UNDECODED))
        for values in (found.labels, found.groups, found.fold):
            digest.update(values.astype(np.int64).tobytes())
        return cls(found.correct, found.groups, found.by_fold, digest.hexdigest())

    def is_like(self, other: "_Answers | None") -> bool:
        """Return whether both are about the same images in the same folds."""
        return (
            other is not None
            and self.key == other.key
            and self.correct.shape == other.correct.shape
        )

    @property
    def folds(self) -> int:
        return int(self.by_fold.accuracy.shape[1])

    @property
    def held_out(self) -> float:
        """Share of the images that a fold holds out."""
        held_out = self.by_fold.n_held_out.sum()
        return float(held_out / (held_out + self.by_fold.n_train.sum()))


def _check_alike(runs: Sequence[Run]) -> None:
    """Refuse runs of several data sets, or of other folds."""
    if len({run.data_fingerprint for run in runs}) > 1:
        names = ", ".join(sorted({run.data_name for run in runs}))
        raise RunError(
            f"runs of several data sets or splits ({names}); scores compare only within"
            " one"
        )
    first = runs[0]
    for run in runs:
        if run.cv_settings not in (None, first.cv_settings):
            raise RunError(
                f"{run.name} was cross-validated in {_words(run)} and {first.name} in"
                f" {_words(first)}; fit with the same --folds, --repeats and --seed to"
                " compare"
            )


def _words(run: Run) -> str:
    folds, repeats, seed = run.cv_settings or (0, 0, 0)
    times = f"{repeats} x " if repeats > 1 else ""
    return f"{times}{folds} folds with seed {seed}"


def _check_same_folds(runs: Sequence[Run], answers: Sequence[_Answers | None]) -> None:
    known = [(run, one) for run, one in zip(runs, answers, strict=True) if one]
    for run, one in known[1:]:
        if not one.is_like(known[0][1]):
            raise RunError(
                f"{run.name} and {known[0][0].name} were cross-validated on other"
                " images or in other folds; fit both again to compare"
            )


def _hits_on_test(runs: Sequence[Run]) -> list[NDArray[np.bool_]]:
    """Return whether each run was right about the test images, in the same order."""
    found = []
    for run in runs:
        predictions = run.predictions()
        hits = zip(predictions.paths, predictions.correct.tolist(), strict=True)
        found.append(dict(hits))
    for run, hits_by_path in zip(runs, found, strict=True):
        if hits_by_path.keys() != found[0].keys():
            raise RunError(
                f"{run.name} and {runs[0].name} were tested on other images; fit both"
                " again to compare"
            )
    return [np.array([hits[path] for path in found[0]], bool) for hits in found]


def _on_test(
    ours: NDArray[np.bool_], theirs: NDArray[np.bool_], copies: float
) -> PairedTest:
    """Compare two runs on the test images; p-values are not adjusted yet.

    Which test images are copies of each other is not kept, but how many are.
    """
    votes = count_votes(ours, theirs)
    difference, interval = paired_difference(ours, theirs, n=len(ours) / copies)
    p_value = mcnemar_test(votes, inflation=copies)
    return _paired(difference, interval, votes, p_value)


def _in_folds(ours: _Answers, theirs: _Answers) -> PairedTest:
    """Compare two runs on held-out training images; p-values are not adjusted yet."""
    difference, interval = paired_difference(
        ours.correct.mean(axis=0),
        theirs.correct.mean(axis=0),
        n=independent_images(ours.groups) / folds_inflation(ours.folds),
    )
    return _paired(difference, interval, *_cv_votes(ours, theirs))


def _cv_votes(ours: _Answers, theirs: _Answers) -> tuple[NDArray[np.int64], float]:
    """Return for which of two runs each content speaks, and their p-value."""
    votes = count_votes(ours.correct, theirs.correct, ours.groups)
    return votes, mcnemar_test(votes, inflation=folds_inflation(ours.folds))


def _paired(
    difference: float,
    interval: list[float],
    votes: NDArray[np.integer],
    p_value: float,
) -> PairedTest:
    summed = votes.sum(axis=0)
    gained, lost = int((summed > 0).sum()), int((summed < 0).sum())
    return PairedTest(difference, interval, gained, lost, p_value, p_value)


def _adjusted(tests: Sequence[PairedTest]) -> list[PairedTest]:
    """Adjust p-values for the number of tests."""
    adjusted = holm([test.p_value for test in tests]).tolist()
    return [test._replace(adjusted=p) for test, p in zip(tests, adjusted, strict=True)]


def _by_fold(ours: _Answers, theirs: _Answers, rope: float) -> FoldsTest:
    differences = ours.by_fold.accuracy - theirs.by_fold.accuracy
    return FoldsTest(
        corrected_t_test(differences, ours.held_out),
        *bayesian_t_test(differences, ours.held_out, rope),
    )


def _standing(
    runs: Sequence[Run], answers: Sequence[_Answers | None]
) -> Standing | None:
    """Return which runs no test tells from the best; runs come best first."""
    known = [(r, one) for r, one in zip(runs, answers, strict=True) if one is not None]
    if len(known) < 2 or answers[0] is None:
        return None
    # All pairs count, not only those with the best: which one is best was seen first.
    pairs = list(combinations(range(len(known)), 2))
    p_values = holm([_cv_votes(known[a][1], known[b][1])[1] for a, b in pairs])
    adjusted = dict(zip(pairs, p_values.tolist(), strict=True))
    as_good = [n for n in range(1, len(known)) if adjusted[0, n] >= LEVEL]
    return Standing(
        best=runs[0],
        as_good=tuple(known[number][0] for number in (0, *as_good)),
        compared=len(known),
        optimism=choice_optimism([one.by_fold.accuracy for _, one in known], 0),
    )
