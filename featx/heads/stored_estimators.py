"""Estimators of scikit-learn as bytes that hold no code, in skops' format.

skops builds only objects of types that it trusts. It doesn't trust those that hold
indices which compiled code follows unchecked, such as trees: a file that was made to
harm could have it read any memory. Here trees are trusted and their indices checked.
"""

import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from featx.errors import HeadError

_TREE = "sklearn.tree._tree.Tree"
_HISTOGRAM_TREE = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"

TRUSTED = (
    _TREE,
    _HISTOGRAM_TREE,
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
"""Types that are trusted besides those that skops trusts: plain classes of scikit-learn
that run nothing when they are made, and trees, whose content is checked."""


def estimator_bytes(estimator: Any) -> bytes:
    """Return a fitted estimator's content in skops' format.

    Raises
    ------
    HeadError
        It holds something that could not be read again.
    """
    from skops import io

    # Most of a tree's numbers are zeros, with many classes.
    content: bytes = io.dumps(
        estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=1
    )
    _refuse_untrusted(content)
    return content


def read_estimator(content: bytes, kind: type, *, width: int) -> Any:
    """Return the estimator that some bytes hold.

    Parameters
    ----------
    content : bytes
    kind : type
        What it must be.
    width : int
        Of the rows that it will be given.

    Raises
    ------
    HeadError
        It is of another type, or holds something that isn't trusted. Bytes that are
        damaged raise the errors of zipfile, JSON and skops as well.
    """
    from skops import io

    _refuse_untrusted(content)
    estimator = io.loads(content, trusted=[*TRUSTED])
    if type(estimator) is not kind:
        raise HeadError(
            f"holds a {type(estimator).__name__}, not a {kind.__name__}; make the run"
            " again"
        )
    for part in _parts(estimator):
        name = f"{type(part).__module__}.{type(part).__name__}"
        if name == _TREE:
            _check_nodes(part.children_left, part.children_right, part.feature, width)
        elif name == _HISTOGRAM_TREE:
            _check_histogram_tree(part, width)
    return estimator


def _refuse_untrusted(content: bytes) -> None:
    from skops import io

    untrusted = sorted(set(io.get_untrusted_types(data=content)) - set(TRUSTED))
    if untrusted:
        raise HeadError(
            f"holds {', '.join(untrusted)}, which can't be stored and read safely;"
            " choose another classifier or other parameters"
        )


def _parts(whole: Any) -> Iterator[Any]:
    """Yield an object and all objects within it."""
    seen, found = set(), [whole]
    while found:
        one = found.pop()
        if id(one) in seen or isinstance(one, (str, bytes, int, float, type(None))):
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, dict):
            found += one.values()
        elif isinstance(one, (list, tuple, set)):
            found += one
        elif isinstance(one, np.ndarray):
            found += one.ravel().tolist() if one.dtype.kind == "O" else []
        elif hasattr(one, "__dict__"):
            found += vars(one).values()


def _check_nodes(left: Any, right: Any, feature: Any, width: int) -> None:
    """Refuse a tree whose nodes lead elsewhere than to later nodes.

    Raises
    ------
    HeadError
    """
    place = np.arange(len(left))
    inner = (left != -1) | (right != -1)  # a leaf has no children
    for child in (left[inner], right[inner]):
        if (child <= place[inner]).any() or (child >= len(left)).any():
            raise HeadError("has a damaged tree; make the run again")
    if (feature[inner] < 0).any() or (feature[inner] >= width).any():
        raise HeadError("has a damaged tree; make the run again")


def _check_histogram_tree(tree: Any, width: int) -> None:
    nodes = tree.nodes
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (nodes[k].astype(np.int64) for k in ("left", "right"))
    _check_nodes(
        np.where(leaf, -1, left), np.where(leaf, -1, right), nodes["feature_idx"], width
    )
    if nodes["is_categorical"].any():  # which embeddings never are
        raise HeadError("has a damaged tree; make the run again")
