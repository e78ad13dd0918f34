"""One row per head; adding one touches this table and its own module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from featx.errors import HeadError, nearest

if TYPE_CHECKING:
    from featx.heads.base import Head


@dataclass(frozen=True, slots=True)
class HeadRow:
    """All that featx knows about a head without importing a framework.

    Attributes
    ----------
    name : str
        As on the command line.
    module, estimator : str
        Where its class lives: `featx.heads.<module>.<estimator>`.
    grid : Mapping
        What `--tune` tries: parameter to values.
    summary : str
        One line for people.
    """

    name: str
    module: str
    estimator: str
    grid: Mapping[str, Sequence[Any]]
    summary: str


_ROWS = (
    HeadRow(
        "softmax",
        "softmax",
        "SoftmaxHead",
        {"learning_rate": (3e-4, 1e-3), "weight_decay": (0.1, 2.0, 8.0)},
        "Keras Dense with softmax, mini-batches, early stopping, calibrated",
    ),
    HeadRow(
        "svm",
        "svm",
        "LinearSVMHead",
        {"C": (1e-4, 1e-3, 1e-2)},
        "linear support vector machine, calibrated by temperature",
    ),
    HeadRow(
        "lda",
        "lda",
        "ShrinkageLDAHead",
        {"shrinkage": (None, 0.2, 0.5, 0.8)},
        "shrinkage LDA on signed square roots, calibrated by temperature",
    ),
    HeadRow(
        "logreg",
        "logreg",
        "LogisticRegressionHead",
        {"C": (1e-3, 1e-2, 1e-1, 1.0)},
        "multinomial logistic regression, calibrated by temperature",
    ),
    HeadRow(
        "gboost",
        "gboost",
        "GradientBoostingHead",
        {"max_depth": (2, 4), "learning_rate": (0.05, 0.2)},
        "gradient-boosted trees by XGBoost, early stopping",
    ),
)

HEADS: Mapping[str, HeadRow] = MappingProxyType({row.name: row for row in _ROWS})


def find_head(name: str) -> HeadRow:
    """Return a head's row.

    Raises
    ------
    HeadError
        There is no such head.
    """
    try:
        return HEADS[name.lower()]
    except KeyError:
        raise HeadError(
            f"no head '{name}'{nearest(name, HEADS)} (`featx heads` lists them)"
        ) from None


def make_head(name: str, /, **parameters: Any) -> "Head":
    """Make an unfitted head.

    Raises
    ------
    HeadError
        There is no such head, or it has no such parameter.
    """
    row = find_head(name)
    estimator = getattr(import_module(f"featx.heads.{row.module}"), row.estimator)
    try:
        head: Head = estimator(**parameters)
    except TypeError:
        known = estimator().get_params()
        wrong = next(key for key in parameters if key not in known)
        raise HeadError(
            f"head '{row.name}' has no parameter '{wrong}'{nearest(wrong, known)}"
        ) from None
    return head
