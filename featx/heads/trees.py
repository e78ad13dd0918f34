"""Decision trees as a layer: every comparison of a complete tree, then the leaves.

Trees of other shapes are filled up to complete ones, whose nodes stand level by level:
of the next level first all left children, then all right ones. So each level halves the
leaves that may still be reached, and no arithmetic touches their values.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_keras
from featx.heads.layers import Floats

LEAF = -1
"""A child that isn't there."""


@dataclass(frozen=True)
class Trees:
    """Sums of the leaves that rows reach, of as many trees for each class.

    Attributes
    ----------
    features : ndarray of int32, shape (n_trees, 2**depth - 1)
        Which feature each node looks at, level by level. Trees of one round stand side
        by side, one per column of the result.
    thresholds : ndarray of float32, of the same shape
        A row goes left where the feature is smaller.
    leaves : ndarray of float32, shape (n_trees, 2**depth)
    columns : int
    """

    features: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]
    columns: int

    @classmethod
    def of_booster(
        cls, booster: Any, columns: int, *, depth: int | None = None
    ) -> Self:
        """Return XGBoost's trees.

        Parameters
        ----------
        booster : xgboost.Booster
            Whose rounds all count.
        columns : int
            Trees in a round.
        depth : int, optional
            To which trees are filled up; by default that of the deepest.
        """
        learner = json.loads(booster.save_raw("json"))["learner"]
        model = learner["gradient_booster"]["model"]
        assert model["tree_info"][:columns] == list(range(columns))
        trees = model["trees"]
        depth = depth or max(_depth(one) for one in trees)
        parts = [_complete(one, depth) for one in trees]
        features, thresholds, leaves = (
            np.array(part) for part in zip(*parts, strict=True)
        )
        return cls(
            features.astype(np.int32),
            thresholds.astype(np.float32),
            leaves.astype(np.float32),
            columns,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the trees of several, of the same depth and columns, as one."""
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.thresholds for part in parts]),
            np.concatenate([part.leaves for part in parts]),
            parts[0].columns,
        )

    def of_features(self, places: NDArray[np.intp]) -> Self:
        """Return trees of rows that have the features of these at such places."""
        return replace(self, features=places.astype(np.int32)[self.features])

    def __call__(self, X: Floats) -> Floats:
        """Return the sums, shape (n, columns)."""
        values: Any = self.leaves
        left = X.astype(np.float32)[:, self.features] < self.thresholds
        for start, end in self._levels:
            half = end - start
            values = np.where(
                left[..., start:end], values[..., :half], values[..., half:]
            )
        found: Floats = values.reshape(len(X), -1, self.columns).sum(axis=1)
        return found

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Keras' operations; none has a gradient."""
        ops = import_keras().ops
        trees, nodes = self.features.shape
        taken = ops.take(tensor, self.features.ravel(), axis=1)
        left = ops.less(ops.reshape(taken, (-1, trees, nodes)), self.thresholds)
        values: Any = self.leaves
        for start, end in self._levels:
            half = end - start
            values = ops.where(
                left[:, :, start:end], values[..., :half], values[..., half:]
            )
        return ops.sum(
            ops.reshape(values, (-1, trees // self.columns, self.columns)), 1
        )

    @property
    def _levels(self) -> list[tuple[int, int]]:
        """The first node of each level and the one after its last, deepest first."""
        depth = self.leaves.shape[1].bit_length() - 1
        return [
            (2**level - 1, 2 ** (level + 1) - 1) for level in reversed(range(depth))
        ]


def _depth(tree: dict[str, Any]) -> int:
    """Return the longest way from the root to a leaf; at least one comparison."""
    level, depth = [0], 0
    while level := [
        child
        for node in level
        for child in (tree["left_children"][node], tree["right_children"][node])
        if child != LEAF
    ]:
        depth += 1
    return max(depth, 1)


def _complete(
    tree: dict[str, Any], depth: int
) -> tuple[list[int], list[float], list[float]]:
    """Return features, thresholds and leaves of a tree that is filled up.

    A leaf further up stands for all that would be below it.
    """
    features, thresholds, level = [], [], [0]
    for _ in range(depth):
        left, right = [], []
        for node in level:
            is_leaf = tree["left_children"][node] == LEAF
            features.append(0 if is_leaf else tree["split_indices"][node])
            thresholds.append(0.0 if is_leaf else tree["split_conditions"][node])
            left.append(node if is_leaf else tree["left_children"][node])
            right.append(node if is_leaf else tree["right_children"][node])
        level = [*left, *right]
    return features, thresholds, [tree["split_conditions"][node] for node in level]
