"""Fitting a head, with its parameters tuned first if wanted."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import HeadError, first_line
from featx.heads.table import find_head, make_head
from featx.splits import inner_folds

if TYPE_CHECKING:
    from featx.heads.base import Head

TUNING_FOLDS = 3


def fit_head(
    name: str,
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    groups: NDArray[np.integer] | None = None,
    *,
    seed: int = 0,
    class_weight: Any = None,
    tune: bool = False,
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
        Choose from the head's grid first, by a cross-validation in three folds of these
        rows: a cross-validation around this call stays unbiased.
    parameters : dict, optional
        Parameters of the head that differ from its defaults.

    Raises
    ------
    HeadError
        There is no such head or parameter, or it can't be fitted on these rows.
    """
    chosen = {"random_state": seed, "class_weight": class_weight, **(parameters or {})}
    head = make_head(name, **chosen)
    groups = np.arange(len(y)) if groups is None else groups
    try:
        if tune:
            head.set_params(**_tuned(head, find_head(name).grid, X, y, groups, seed))
        return head.fit(X, y, groups=groups)
    except (TypeError, ValueError) as error:
        raise HeadError(f"head '{name}': {first_line(error).rstrip('.')}") from error


def _tuned(
    head: "Head",
    grid: Any,
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    seed: int,
) -> dict[str, Any]:
    """Return the grid's point with the best accuracy over the tuning folds."""
    from sklearn import clone, config_context
    from sklearn.model_selection import GridSearchCV

    splits = inner_folds(y, groups, folds=TUNING_FOLDS, seed=seed)
    if not splits:
        return {}
    candidate = clone(head)
    with config_context(enable_metadata_routing=True):  # for the groups
        candidate.set_fit_request(groups=True)
        search = GridSearchCV(
            candidate, grid, cv=splits, refit=False, error_score="raise"
        )
        best: dict[str, Any] = search.fit(X, y, groups=groups).best_params_
    return best
