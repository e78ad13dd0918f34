"""Fitting a head, with its parameters tuned first if wanted."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import HeadError, first_line
from featx.heads.search_space import Between, Space
from featx.heads.table import find_head, make_head
from featx.splits import choice_folds, choosing_is_long

if TYPE_CHECKING:
    from featx.heads.base import Head

Rows = NDArray[np.intp]

TRIALS = 16
"""Most values, or combinations of them, that are tried."""

LONG_TRIALS = 3
"""As many where one takes long."""

DRAWN = 4
"""Trials that are drawn before the sampler learns from them."""


def fit_head(
    name: str,
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    groups: NDArray[np.integer] | None = None,
    *,
    seed: int = 0,
    class_weight: Any = None,
    tune: bool = False,
    tune_seconds: float = np.inf,
    parameters: dict[str, Any] | None = None,
) -> "Head":
    """Fit a head on embeddings.

    Parameters
    ----------
    name : str
        A row of `HEADS`.
    X : ndarray of float, shape (n, d)
    y : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,), optional
        Rows of one group stay on one side of every split.
    tune : bool
        Search the head's space first, by a cross-validation of these rows only: a
        cross-validation around this call stays unbiased. The head's `chosen_` has
        what was tried, as ``tuning``.
    tune_seconds : float
        No trial starts that would probably end later than so many seconds after the
        first.
    parameters : dict, optional
        Parameters of the head that differ from its defaults; where they are tuned, the
        first ones that are tried.

    Raises
    ------
    HeadError
        There is no such head or parameter, or it can't be fitted on these rows.
    """
    chosen = {"random_state": seed, "class_weight": class_weight, **(parameters or {})}
    head = make_head(name, **chosen)
    groups = np.arange(len(y)) if groups is None else groups
    try:
        space = find_head(name).space if tune else {}
        if not space:
            return head.fit(X, y, groups=groups)
        search = _search(head, space, X, y, groups, seed, tune_seconds)
        head.set_params(**search.best).fit(X, y, groups=groups)
    except (TypeError, ValueError) as error:
        raise HeadError(f"head '{name}': {first_line(error).rstrip('.')}") from error
    head.chosen_["tuning"] = search.as_dict()
    return head


@dataclass
class _Search:
    """Trials of a search, in their order.

    Attributes
    ----------
    folds : int
        That each was scored in.
    tried : list of (dict, float)
        Parameters, and their accuracy on rows that were held out.
    out_of_time : bool
        Whether more would have been tried.
    """

    folds: int
    tried: list[tuple[dict[str, Any], float]]
    out_of_time: bool = False

    @property
    def best(self) -> dict[str, Any]:
        """The parameters with the highest accuracy; of equal ones the first."""
        return max(self.tried, key=lambda one: one[1], default=({}, 0.0))[0]

    def score_of(self, parameters: Mapping[str, Any]) -> float | None:
        """Return the accuracy of parameters that were tried before."""
        return next((score for one, score in self.tried if one == parameters), None)

    def as_dict(self) -> dict[str, Any]:
        """Return what `run.json` tells of it."""
        return {
            "folds": self.folds,
            "out_of_time": self.out_of_time,
            "tried": [
                {**parameters, "accuracy": round(score, 6)}
                for parameters, score in self.tried
            ],
        }


def _search(
    head: "Head",
    space: Space,
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    seed: int,
    seconds: float,
) -> _Search:
    """Try the head's own parameters and then others of its space.

    Optuna's tree-structured Parzen estimator proposes them (Bergstra et al.,
    "Algorithms for Hyper-Parameter Optimization", 2011).
    """
    folds = choice_folds(y, groups, numbers=X.size, seed=seed)
    search = _Search(len(folds), [])
    if not folds:
        return search

    attempt = partial(_attempt, head, space, folds, X, y, groups)
    start, longest = time.perf_counter(), 0.0
    own = {name: value for name, value in head.get_params().items() if name in space}
    with _sampler(space, seed) as sampler:
        for number in range(LONG_TRIALS if choosing_is_long(X.size) else TRIALS):
            began = time.perf_counter()
            if began + longest > start + seconds:
                search.out_of_time = True
                break
            parameters = sampler.propose() if number else own
            score = search.score_of(parameters)
            if score is None:
                search.tried.append(attempt(parameters))
                score = search.tried[-1][1]
            if number:
                sampler.learn(score)
            longest = max(longest, time.perf_counter() - began)
    return search


def _attempt(
    head: "Head",
    space: Space,
    folds: Sequence[tuple[Rows, Rows]],
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    parameters: Mapping[str, Any],
) -> tuple[dict[str, Any], float]:
    """Return parameters as they were used, and their accuracy over the folds."""
    from sklearn import clone

    hits, used = 0, dict(parameters)
    for rows, held in folds:
        candidate = clone(head).set_params(**parameters)
        candidate.fit(X[rows], y[rows], groups=groups[rows])
        hits += int((candidate.predict(X[held]) == y[held]).sum())
        if len(folds) == 1:  # what a head chose there it need not choose again
            used |= {k: v for k, v in candidate.chosen_.items() if k in space}
    return used, hits / sum(len(held) for _, held in folds)


class _Sampler:
    """Optuna's study of a space, one trial at a time."""

    def __init__(self, space: Space, seed: int) -> None:
        import optuna

        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=DRAWN)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._space = space
        self._trial: Any = None

    def propose(self) -> dict[str, Any]:
        """Return the next parameters to try."""
        self._trial = self._study.ask()
        return {
            name: _suggested(self._trial, name, values)
            for name, values in self._space.items()
        }

    def learn(self, score: float) -> None:
        """Take the score of the parameters that were proposed last."""
        self._study.tell(self._trial, score)


def _suggested(trial: Any, name: str, values: Between | Sequence[Any]) -> Any:
    """Return a value of a parameter that a trial is to try."""
    if not isinstance(values, Between):
        return trial.suggest_categorical(name, list(values))
    found = trial.suggest_float(name, values.low, values.high, log=values.log)
    return float(f"{found:.3g}")  # more digits tell nothing, and are hard to read


@contextmanager
def _sampler(space: Space, seed: int) -> Iterator[_Sampler]:
    """Make a sampler; Optuna says nothing but errors meanwhile."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield _Sampler(space, seed)
    finally:
        logging.set_verbosity(before)
