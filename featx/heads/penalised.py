"""Linear heads with an L2 penalty, which is chosen inside the training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from featx.heads.layers import Floats
from featx.heads.linear import LinearHead
from featx.heads.rows import Rows
from featx.heads.solver import AffineProblem, Loss, Solution
from featx.splits import Labels, choice_folds

ROUGH = 1e-4
"""The least `tol` while C is chosen: solutions that are nearer score the same."""


@dataclass(kw_only=True, eq=False, repr=False)
class PenalisedHead(LinearHead):
    """A linear head that minimises ``|coef|² / 2 + C sum(loss)``.

    Parameters
    ----------
    C : float, optional
        Inverse of the penalty. None chooses it among `choices`, see `choose_penalty`.
    max_iter : int
        Most steps of L-BFGS.
    tol : float
        L-BFGS stops when a step lowers the objective by less than this share of what
        it is for coefficients of zero.

    Attributes
    ----------
    n_iter_ : int
        Steps that were taken in the end.
    """

    signed_sqrt = True

    loss: ClassVar[Loss]
    choices: ClassVar[Sequence[float]]

    C: Annotated[float, Field(gt=0)] | None = None
    max_iter: int = 500
    tol: float = 1e-5

    def _fit_affine(
        self, rows: Rows, y: Labels, weight: Floats, groups: Labels
    ) -> None:
        n_classes = len(self.classes_)
        columns = 1 if n_classes == 2 else n_classes
        problem = AffineProblem(rows, y, weight, columns, self.loss)
        C, start = self.C, None
        if C is not None and not (isinstance(C, Real) and 0 < C < np.inf):
            raise ValueError(f"'C' must be a number above 0, not {C!r}")
        if C is None:
            numbers = rows.width * len(rows)
            folds = choice_folds(y, groups, numbers=numbers, seed=self.random_state)
            tol = max(self.tol, ROUGH)
            C, start = choose_penalty(
                problem, self.choices, folds, tol=tol, max_iter=self.max_iter
            )
            self.chosen_ = {"C": C}
        found = problem.solve(C, tol=self.tol, max_iter=self.max_iter, start=start)
        kernel, bias, self.n_iter_ = found.kernel, found.bias, found.iterations
        if columns == 1:  # of the second class, beside a score of 0
            kernel = np.hstack([np.zeros_like(kernel), kernel])
            bias = np.concatenate([np.zeros_like(bias), bias])
        self.coef_, self.intercept_ = np.ascontiguousarray(kernel.T), bias


def choose_penalty(
    problem: AffineProblem,
    choices: Sequence[float],
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    *,
    tol: float,
    max_iter: int,
) -> tuple[float, Solution | None]:
    """Choose C by the rows of some folds, held out in turn.

    From strong penalties to weak ones, each solution starts from the one before.

    Parameters
    ----------
    problem : AffineProblem
    choices : sequence of float
        Ascending.
    folds : sequence of (ndarray of int, ndarray of int)
        Rows to fit on, and rows to hold out.
    tol, max_iter
        See `AffineProblem.solve`.

    Returns
    -------
    C : float
        The middle one of `choices` where there is no fold.
    start : Solution or None
        The mean of the folds' solutions: nearly that of all rows.
    """
    if not folds:
        return choices[len(choices) // 2], None
    # A penalised intercept can't make up for a mean that isn't zero, and that of rows
    # held out then is on the other side.
    shifts = [problem.rows.subset(fit).mean_row() for fit, _ in folds]
    parts = [
        (problem.subset(fit, shift=shift), problem.subset(held, shift=shift))
        for (fit, held), shift in zip(folds, shifts, strict=True)
    ]
    starts: list[Solution | None] = [None] * len(folds)
    tried = []
    for C in choices:
        found = [
            part.solve(C, tol=tol, max_iter=max_iter, start=start)
            for (part, _), start in zip(parts, starts, strict=True)
        ]
        tried.append((_rank(parts, found), C, _mean(found, shifts)))
        starts = [*found]
    _, C, start = max(tried, key=lambda one: one[0])
    return C, start


def _mean(found: Sequence[Solution], shifts: Sequence[Floats]) -> Solution:
    """Return the mean of solutions for rows that were shifted, for rows that aren't."""
    biases = [
        one.bias - shift @ one.kernel for one, shift in zip(found, shifts, strict=True)
    ]
    return Solution(
        np.mean([one.kernel for one in found], axis=0), np.mean(biases, axis=0)
    )


def _rank(
    parts: Sequence[tuple[AffineProblem, AffineProblem]], found: Sequence[Solution]
) -> tuple[float, float]:
    """Return what is best where it is largest: accuracy held out, then the loss."""
    hits, lost = 0, 0.0
    for (_, held), solution in zip(parts, found, strict=True):
        scores = solution.scores(held.rows)
        hits += int((predicted_codes(scores) == held.y).sum())
        lost += held.loss(scores, held.y, held.weight)[0]
    return hits, -lost


def predicted_codes(scores: Floats) -> Labels:
    """Return the class of the largest score; one column is of the second of two."""
    one = scores.shape[1] == 1
    codes: Labels = (scores[:, 0] > 0) * 1 if one else scores.argmax(axis=1)
    return codes
