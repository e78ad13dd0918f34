"""Several heads as one: the weighted mean of their calibrated probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from featx.errors import HeadError
from featx.evaluation.calibration import fit_temperature
from featx.heads.base import Head
from featx.heads.layers import Blend, Dense, Floats, Layer, blended
from featx.heads.table import find_head, make_head
from featx.settings import checked_by
from featx.splits import Labels, choice_folds

PRIOR_ROWS = 10
"""For how many rows the equal weights count that stacking starts from."""


def member_names(members: str) -> tuple[str, ...]:
    """Return the names of an ensemble's members.

    Parameters
    ----------
    members : str
        Separated by commas.

    Raises
    ------
    HeadError
        There are fewer than two, one is there twice, there is no such head, or it can't
        be a member.
    """
    names = tuple(find_head(name.strip()).name for name in members.split(","))
    if len(set(names)) < max(2, len(names)):
        raise HeadError(
            f"an ensemble needs two or more different heads, not '{members}'"
        )
    for name in names:
        if name == "ensemble" or find_head(name).on_maps:
            raise HeadError(f"head '{name}' can't be a member of an ensemble")
    return names


def _known_members(members: str) -> str:
    return ",".join(member_names(members))


@dataclass(kw_only=True, eq=False, repr=False)
class EnsembleHead(Head):
    """The weighted mean of several heads' calibrated probabilities.

    Each member's scores are divided by a temperature before, since some heads are far
    too sure and others not sure enough. Temperatures and weights are learned from
    scores of training rows that were held out of the member's fit, in `choice_folds`.
    Then the members are fitted on all
    rows.

    Stacked weights are not negative, sum to 1, and have the highest likelihood on the
    held-out rows: a linear opinion pool (Genest and Zidek, "Combining Probability
    Distributions", 1986). The likelihood has a single maximum, and as there is one
    number for each member only, weights can hardly fit noise; `PRIOR_ROWS` keep them
    near equal where rows are few.

    Parameters
    ----------
    members : str
        Comma-separated names of heads, which have their default parameters.
    combine : "vote" or "stack"
        vote: all members have the same weight; stack: weights are learned.
    class_weight, random_state
        Go to the members; see `Head`.

    Attributes
    ----------
    members_ : dict of str to Head
        Fitted members by name, each with its temperature. Their classes are codes.
    weights_ : ndarray, shape (n_members,)
    """

    members: Annotated[str, checked_by(_known_members)] = "lda,logreg,svm"
    combine: Literal["vote", "stack"] = "stack"

    @property
    def has_gradients(self) -> bool:
        """Whether the scores of all members change smoothly with the embeddings."""
        return all(member.has_gradients for member in self.members_.values())

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        names = member_names(self.members)
        held_out, codes, costs = self._held_out(names, X, y, weight, groups)
        self.members_ = {name: self._made(name, X, y, groups) for name in names}
        self.weights_ = np.full(len(names), 1 / len(names))
        if len(codes):
            for member, scores in zip(self.members_.values(), held_out, strict=True):
                views = scores[:, None]
                member.temperature_ = fit_temperature(views, codes, costs)
        if len(codes) and self.combine == "stack":
            right = [
                _logs(member, scores)[np.arange(len(codes)), codes]
                for member, scores in zip(self.members_.values(), held_out, strict=True)
            ]
            self.weights_ = pool_weights(np.stack(right, axis=1), costs)
        rounded = np.round(self.weights_, 4).tolist()
        self.chosen_ = {"weights": dict(zip(names, rounded, strict=True))}

    def _held_out(
        self,
        names: Sequence[str],
        X: Floats,
        y: Labels,
        weight: Floats,
        groups: Labels,
    ) -> tuple[list[Floats], Labels, Floats]:
        """Return the scores of each member for held-out rows, their labels and weights.

        No row is held out where no class can spare one.
        """
        folds = choice_folds(y, groups, numbers=X.size, seed=self.random_state)
        if not folds:
            return [], y[:0], weight[:0]
        scores = [
            np.concatenate(
                [
                    self._made(name, X[rows], y[rows], groups[rows]).logits(X[held])
                    for rows, held in folds
                ]
            )
            for name in names
        ]
        places = np.concatenate([held for _, held in folds])
        return scores, y[places], weight[places]

    def _made(self, name: str, X: Floats, y: Labels, groups: Labels) -> Head:
        """Return a member, fitted on rows whose labels are codes."""
        # Codes have other names than the classes that weights may have been given for.
        weights = self.class_weight
        if isinstance(weights, Mapping):
            codes = enumerate(self.classes_.tolist())
            weights = {code: weights.get(label, 1) for code, label in codes}
        seed = self.random_state
        member = make_head(name, random_state=seed, class_weight=weights)
        return member.fit(X, y, groups=groups)

    def _logits(self, X: Floats) -> Floats:
        each = [_logs(member, member.logits(X)) for member in self.members_.values()]
        return blended(each, self.weights_)

    def _layers(self) -> list[Layer]:
        members = [member._layers() for member in self.members_.values()]
        n_classes = len(self.classes_)
        dense = Dense(np.eye(n_classes), np.zeros(n_classes))
        return [Blend(members, self.weights_), dense.softened(self.temperature_)]

    def get_learned(self) -> dict[str, Any]:
        """Return what the members have learned, too, as ``<member>__<name>``."""
        learned = super().get_learned()
        for name, member in learned.pop("members_").items():
            start = _start(name)
            learned |= {start + k: value for k, value in member.get_learned().items()}
        return learned

    def set_learned(self, learned: Mapping[str, Any]) -> None:
        """Take what `get_learned` returned."""
        own = dict(learned)
        self.members_ = {}
        for name in member_names(self.members):
            start = _start(name)
            parts = {k: own.pop(k) for k in list(own) if k.startswith(start)}
            member = make_head(name, random_state=self.random_state)
            member.set_learned({k.removeprefix(start): v for k, v in parts.items()})
            self.members_[name] = member
        super().set_learned(own)


def pool_weights(
    right: NDArray[np.float64], weight: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the weights of members by which their mean foretells held-out rows best.

    By expectation maximisation, from equal weights: every step raises the likelihood,
    which has one maximum.

    Parameters
    ----------
    right : ndarray, shape (n, n_members)
        Log-probability that each member gives to the true class.
    weight : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n_members,)
    """
    share = np.exp(right - right.max(axis=1, keepdims=True))
    n_members = share.shape[1]
    rows = weight / weight.mean()
    found = np.full(n_members, 1 / n_members)
    for _ in range(500):
        parts = share * found
        parts /= parts.sum(axis=1, keepdims=True)
        before, found = found, rows @ parts + PRIOR_ROWS / n_members
        found /= found.sum()
        if np.abs(found - before).max() < 1e-6:
            break
    return found


def _logs(member: Head, scores: Floats) -> NDArray[np.float64]:
    """Return the log-probabilities of a member's scores."""
    from scipy.special import log_softmax

    logs: NDArray[np.float64] = log_softmax(
        scores.astype(np.float64) / member.temperature_, axis=1
    )
    return logs


def _start(name: str) -> str:
    """Return what the names of a member's learned attributes begin with."""
    return "".join(c if c.isalnum() else "_" for c in name).lower() + "__"
