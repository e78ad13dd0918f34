"""The table of heads: adding one takes a row here and a module of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_type_hints

from featx.errors import HeadError, nearest
from featx.heads.search_space import Between, Space

if TYPE_CHECKING:
    from featx.heads.base import Head


WIDE = 16_384
"""Width of embeddings up to which `--head all` fits every head. Wider ones are whole
maps: the matrix of features by features that lda needs wouldn't fit into memory, and
other heads would take minutes. Naming such a head fits it nevertheless."""


MANY = 5_000
"""Rows up to which `--head all` fits heads that compare each of them with every other:
the time of others grows with the number of rows, theirs faster than with its square."""

SEVERAL = 2_000
"""Rows up to which `--head all` fits the ensemble too, which fits heads that are fitted
anyway several times more: with a thousand rows that takes seconds."""

OF_ALL_HEADS = ("class_weight", "random_state")
"""Parameters that every head has."""


@dataclass(frozen=True, slots=True)
class HeadRow:
    """All that featx knows about a head without importing a framework.

    Attributes
    ----------
    name : str
        As on the command line.
    estimator : str
        Its class: `featx.heads.<name>.<estimator>`, with ``_`` for each ``-``.
    space : Mapping
        From which `--tune` takes values to try, by parameter.
    summary : str
        One line for `featx heads`.
    hidden : bool
        Whether `--hidden` sets its hidden layers.
    on_maps : bool
        Whether it needs whole feature maps.
    widest : int or None
        Width of the embeddings up to which `--head all` includes it.
    most_rows : int or None
        How many rows there may be for `--head all` to include it.
    quick : bool
        Whether it takes seconds with thousands of images: a bare `featx fit` fits it.
    version : int
        Counts up when the same settings fit another head: runs are made anew then.
    wraps : str
        Import path of the classifier of scikit-learn that it is; empty for featx's own.
    former : tuple of str
        Parameters that it has no more, but that files of older heads name.
    """

    name: str
    estimator: str
    space: Space
    summary: str
    hidden: bool = False
    on_maps: bool = False
    widest: int | None = WIDE
    most_rows: int | None = None
    quick: bool = False
    version: int = 1
    wraps: str = ""
    former: tuple[str, ...] = ()

    def load(self) -> "type[Head]":
        """Import and return the head's class."""
        module = "scikit_learn" if self.wraps else self.name.replace("-", "_")
        found: type[Head] = resolve_name(f"featx.heads.{module}:{self.estimator}")
        return found


_ROWS = (
    HeadRow(
        "softmax",
        "SoftmaxHead",
        {"learning_rate": Between(3e-4, 3e-3), "weight_decay": Between(0.1, 10.0)},
        "Keras Dense with softmax, mini-batches, early stopping",
        widest=None,
    ),
    HeadRow(
        "svm",
        "LinearSVMHead",
        {"C": Between(1e-5, 1e-1)},
        "linear support vector machine on signed square roots",
        quick=True,
        version=2,
    ),
    HeadRow(
        "lda",
        "ShrinkageLDAHead",
        {"shrinkage": Between(0.05, 0.95, log=False)},
        "shrinkage LDA on signed square roots",
        quick=True,
    ),
    HeadRow(
        "logreg",
        "LogisticRegressionHead",
        {"C": Between(1e-4, 10.0)},
        "multinomial logistic regression on signed square roots",
        quick=True,
        version=2,
    ),
    HeadRow(
        "ridge",
        "RidgeHead",
        {"alpha": Between(1.0, 1e5)},
        "ridge regression on signed square roots, its penalty cross-validated",
    ),
    HeadRow(
        "prototype",
        "PrototypeHead",
        {"shrinkage": Between(0.05, 0.95, log=False)},
        "nearest class mean on whitened signed square roots",
    ),
    HeadRow(
        "knn",
        "NearestNeighboursHead",
        {"k": (5, 10, 20, 50), "spread": Between(0.03, 0.3)},
        "k nearest neighbours by cosine, the nearer the more votes",
        widest=None,
    ),
    HeadRow(
        "kmeans",
        "KMeansHead",
        {"per_class": (1, 2, 4)},
        "clusters found without labels, named by the majority in them",
    ),
    HeadRow(
        "svm-rbf",
        "KernelSVMHead",
        {"C": Between(0.3, 100.0)},
        "support vector machine with a Gaussian (RBF) kernel",
        most_rows=MANY,
    ),
    HeadRow(
        "mlp",
        "MLPHead",
        {"learning_rate": Between(1e-4, 3e-3), "hidden": ("128", "512,dropout0.5")},
        "dense layers with relu, batch norm and dropout as `--hidden` says",
        hidden=True,
        widest=None,
    ),
    HeadRow(
        "conv",
        "ConvHead",
        {"learning_rate": Between(1e-4, 3e-3), "hidden": ("256", "256,dropout0.5")},
        "Conv2D and batch norm on maps of `--pooling none`, then dense layers",
        hidden=True,
        on_maps=True,
        widest=None,
    ),
    HeadRow(
        "gboost",
        "GradientBoostingHead",
        {"max_depth": (2, 3), "learning_rate": Between(0.03, 0.2)},
        "gradient-boosted trees by XGBoost, on features drawn at random",
        version=2,
        former=("patience", "validation_share"),
    ),
    HeadRow(
        "ensemble",
        "EnsembleHead",
        {},
        "several heads, the weighted mean of their calibrated probabilities",
        most_rows=SEVERAL,
    ),
)

HEADS: Mapping[str, HeadRow] = MappingProxyType({row.name: row for row in _ROWS})


def find_head(name: str) -> HeadRow:
    """Return a head's row of the table, or one made for a classifier of scikit-learn.

    Raises
    ------
    HeadError
        There is no such head.
    """
    if name.lower() in HEADS:
        return HEADS[name.lower()]
    if not name.startswith("sklearn."):
        raise HeadError(
            f"no head '{name}'{nearest(name, HEADS)} (`featx heads` lists them)"
        )
    from featx.heads.scikit_learn import short_path

    path = short_path(name)
    summary = "classifier of scikit-learn on standardised embeddings"
    return HeadRow(path, "ScikitLearnHead", {}, summary, wraps=path)


def make_head(name: str, /, **parameters: Any) -> "Head":
    """Make an unfitted head.

    Raises
    ------
    HeadError
        There is no such head, it has no such parameter, or not with such a value.
    """
    row = find_head(name)
    known = default_parameters(row)
    for key in parameters:
        if key not in known:
            raise HeadError(
                f"head '{row.name}' has no parameter '{key}'{nearest(key, known)}"
            )
    kind = row.load()
    if not row.wraps:
        _check_values(row, kind, parameters)
        return kind(**parameters)
    ours = {k: parameters[k] for k in parameters if k in OF_ALL_HEADS}
    theirs = {k: parameters[k] for k in parameters if k not in ours}
    return kind(**ours, estimator=row.wraps, parameters=theirs or None)


def default_parameters(row: HeadRow) -> dict[str, Any]:
    """Return the parameters that a head takes, with their defaults."""
    found: dict[str, Any] = row.load()().get_params()
    if row.wraps:
        from featx.heads.scikit_learn import classifier

        del found["estimator"], found["parameters"]
        found = {**classifier(row.wraps)().get_params(), **found}
    return found


def naming(head: "Head") -> tuple[str, dict[str, Any]]:
    """Return the name and parameters from which `make_head` makes a head again."""
    parameters: dict[str, Any] = head.get_params(deep=False)
    for row in HEADS.values():
        if row.estimator == type(head).__name__:
            return row.name, parameters
    name, theirs = parameters.pop("estimator"), parameters.pop("parameters")
    return name, {**parameters, **(theirs or {})}


def _check_values(
    row: HeadRow, kind: "type[Head]", parameters: Mapping[str, Any]
) -> None:
    """Refuse values that the fields of a head's class don't allow.

    Raises
    ------
    HeadError
    """
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(kind, include_extras=True)
    for key, value in parameters.items():
        plain = tuple(value) if isinstance(value, list) else value
        try:
            TypeAdapter(hints[key]).validate_python(plain, strict=True)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise HeadError(
                f"head '{row.name}': parameter '{key}':"
                f" {message[0].lower()}{message[1:]}, not {value!r}"
            ) from None
