"""The table of heads: adding one takes a row here and a module of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from featx.errors import HeadError, nearest

if TYPE_CHECKING:
    from featx.heads.base import Head


WIDE = 16_384
"""Width of embeddings up to which `--head all` fits every head. Wider ones are whole
maps: the matrix of features by features that lda needs wouldn't fit into memory, and
other heads would take minutes. Naming such a head fits it nevertheless."""


@dataclass(frozen=True, slots=True)
class HeadRow:
    """All that featx knows about a head without importing a framework.

    Attributes
    ----------
    name : str
        As on the command line.
    estimator : str
        Its class: `featx.heads.<name>.<estimator>`.
    grid : Mapping
        The values that `--tune` tries, by parameter.
    summary : str
        One line for `featx heads`.
    hidden : bool
        Whether `--hidden` sets its hidden layers.
    on_maps : bool
        Whether it needs whole feature maps.
    widest : int or None
        Width of the embeddings up to which `--head all` includes it.
    quick : bool
        Whether it takes seconds with thousands of images: a bare `featx fit` fits it.
    version : int
        Counts up when the same settings fit another head: runs are made anew then.
    former : tuple of str
        Parameters that it has no more, but that files of older heads name.
    """

    name: str
    estimator: str
    grid: Mapping[str, Sequence[Any]]
    summary: str
    hidden: bool = False
    on_maps: bool = False
    widest: int | None = WIDE
    quick: bool = False
    version: int = 1
    former: tuple[str, ...] = ()


_ROWS = (
    HeadRow(
        "softmax",
        "SoftmaxHead",
        {"learning_rate": (3e-4, 1e-3), "weight_decay": (0.1, 2.0, 8.0)},
        "Keras Dense with softmax, mini-batches, early stopping",
        widest=None,
    ),
    HeadRow(
        "svm",
        "LinearSVMHead",
        {"C": (1e-4, 1e-3, 1e-2)},
        "linear support vector machine on signed square roots",
        quick=True,
        version=2,
    ),
    HeadRow(
        "lda",
        "ShrinkageLDAHead",
        {"shrinkage": (None, 0.2, 0.5, 0.8)},
        "shrinkage LDA on signed square roots",
        quick=True,
    ),
    HeadRow(
        "logreg",
        "LogisticRegressionHead",
        {"C": (3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)},
        "multinomial logistic regression on signed square roots",
        quick=True,
        version=2,
    ),
    HeadRow(
        "mlp",
        "MLPHead",
        {"learning_rate": (3e-4, 1e-3), "hidden": ("128", "512,dropout0.5")},
        "dense layers with relu, batch norm and dropout as `--hidden` says",
        hidden=True,
        widest=None,
    ),
    HeadRow(
        "conv",
        "ConvHead",
        {"learning_rate": (3e-4, 1e-3), "hidden": ("256", "256,dropout0.5")},
        "Conv2D and batch norm on maps of `--pooling none`, then dense layers",
        hidden=True,
        on_maps=True,
        widest=None,
    ),
    HeadRow(
        "gboost",
        "GradientBoostingHead",
        {"max_depth": (2, 3), "learning_rate": (0.05, 0.1)},
        "gradient-boosted trees by XGBoost, on features drawn at random",
        version=2,
        former=("patience", "validation_share"),
    ),
)

HEADS: Mapping[str, HeadRow] = MappingProxyType({row.name: row for row in _ROWS})


def find_head(name: str) -> HeadRow:
    """Return a head's row of the table.

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
    estimator = resolve_name(f"featx.heads.{row.name}:{row.estimator}")
    try:
        head: Head = estimator(**parameters)
    except TypeError:
        known = estimator().get_params()
        wrong = next(key for key in parameters if key not in known)
        raise HeadError(
            f"head '{row.name}' has no parameter '{wrong}'{nearest(wrong, known)}"
        ) from None
    return head
