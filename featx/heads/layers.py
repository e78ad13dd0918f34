"""A fitted head's layers as arrays, computed by NumPy or converted to Keras exactly.

A run's file of the head holds the arrays, so that predicting needs no framework;
`apply_in_keras` applies the same layers to a Keras tensor. Those are Keras' own layers
and operations only: a saved model loads in plain Keras, with safe mode on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import dtype_policy, import_keras

Floats = NDArray[np.floating]

HEAD_LAYER = "head"
"""Name of a head's last Keras layer, the Dense that gives probabilities; the names of
those before it begin with ``head_``."""

BLOCK = 256
"""Rows that go through the layers at a time; inside, a map is many times as large."""


class Layer(Protocol):
    """One step of a fitted head."""

    def __call__(self, X: Floats) -> Floats:
        """Return the layer's output for rows, computed by NumPy."""

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Return the layer's output for a Keras tensor."""


@dataclass(frozen=True)
class SignedRoot:
    """Signed square root, with a finite gradient at zero.

    Attributes
    ----------
    floor : float
        Smaller magnitudes are replaced by it. Zeros stay zero and have the gradient 0;
        that of the root itself is infinite there.
    """

    floor: float

    def __call__(self, X: Floats) -> Floats:
        """Return the roots, of the shape of X."""
        roots: Floats = np.sign(X) * np.sqrt(np.maximum(np.abs(X), self.floor))
        return roots

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Keras' operations."""
        ops = import_keras().ops
        magnitude = ops.maximum(ops.absolute(tensor), self.floor)
        return ops.multiply(ops.sign(tensor), ops.sqrt(magnitude))


@dataclass(frozen=True)
class Maps:
    """Rows to maps (n, h, w, c), each channel scaled: (x - mean) / scale.

    It can't be folded into the convolution behind it, which pads with zeros.

    Attributes
    ----------
    shape : tuple of int
        Height, width, channels.
    mean, scale : ndarray, shape (c,)
    """

    shape: tuple[int, int, int]
    mean: Floats
    scale: Floats

    def __call__(self, X: Floats) -> Floats:
        """Return maps, shape (n, h, w, c), of rows."""
        maps: Floats = (X.reshape(-1, *self.shape) - self.mean) / self.scale
        return maps

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Reshape and Rescaling."""
        layers = import_keras().layers
        factor = 1 / self.scale.astype(np.float64)
        offset = -self.mean.astype(np.float64) * factor
        maps = layers.Reshape(self.shape, name=f"{name}_reshape")(tensor)
        # Lists, not arrays: they are part of the layer's settings in the file.
        return layers.Rescaling(factor.tolist(), offset.tolist(), name=name)(maps)


@dataclass(frozen=True)
class Conv:
    """Convolution of 3x3 with ReLU; its output is as large as its input.

    Attributes
    ----------
    kernel : ndarray, shape (3, 3, c, filters)
    bias : ndarray, shape (filters,)
    """

    kernel: Floats
    bias: Floats

    def __call__(self, X: Floats) -> Floats:
        """Return maps, shape (n, h, w, filters), of maps (n, h, w, c)."""
        _, height, width, _ = X.shape
        padded = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)))
        total: Floats = np.zeros((1, 1, 1, 1), X.dtype) + self.bias
        for i, j in np.ndindex(3, 3):
            shifted = padded[:, i : i + height, j : j + width]
            total = total + shifted @ self.kernel[i, j]
        return np.maximum(total, 0)

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Conv2D."""
        layer = import_keras().layers.Conv2D(
            len(self.bias), 3, padding="same", activation="relu", name=name
        )
        return _weighted(layer, tensor, self.kernel, self.bias)


@dataclass(frozen=True)
class Flatten:
    """Maps to rows."""

    def __call__(self, X: Floats) -> Floats:
        """Return rows, shape (n, h * w * c)."""
        return X.reshape(len(X), -1)

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Flatten."""
        return import_keras().layers.Flatten(name=name)(tensor)


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation by the learnt mean and variance.

    Attributes
    ----------
    gamma, beta, mean, variance : ndarray, shape (d,)
    epsilon, momentum : float
        Settings of the Keras layer.
    """

    gamma: Floats
    beta: Floats
    mean: Floats
    variance: Floats
    epsilon: float
    momentum: float

    def __call__(self, X: Floats) -> Floats:
        """Return X of the same shape, the last axis normalised."""
        factor = self.gamma / np.sqrt(self.variance + np.float32(self.epsilon))
        normal: Floats = (X - self.mean) * factor + self.beta
        return normal

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add BatchNormalization."""
        layer = import_keras().layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, name=name
        )
        return _weighted(layer, tensor, self.gamma, self.beta, self.mean, self.variance)


@dataclass(frozen=True)
class Dropout:
    """Dropout, which matters only where a joined head is trained further.

    Attributes
    ----------
    rate : float
    """

    rate: float

    def __call__(self, X: Floats) -> Floats:
        """Return X as it is."""
        return X

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Dropout."""
        return import_keras().layers.Dropout(self.rate, name=name)(tensor)


@dataclass(frozen=True)
class Dense:
    """Affine map with an activation.

    Attributes
    ----------
    kernel : ndarray, shape (d, units)
    bias : ndarray, shape (units,)
    activation : {"linear", "relu", "softmax"}
    """

    kernel: Floats
    bias: Floats
    activation: Literal["linear", "relu", "softmax"] = "linear"

    def __call__(self, X: Floats) -> Floats:
        """Return rows, shape (n, units); a softmax is left to the caller."""
        rows: Floats = X @ self.kernel + self.bias
        return np.maximum(rows, 0) if self.activation == "relu" else rows

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Dense."""
        layer = import_keras().layers.Dense(
            len(self.bias), activation=self.activation, name=name
        )
        return _weighted(layer, tensor, self.kernel, self.bias)

    def after_scaling(self, mean: Floats, scale: Floats) -> "Dense":
        """Return the map of x that equals this map of (x - mean) / scale."""
        kernel = self.kernel.astype(np.float64) / scale[:, None]
        return Dense(kernel, self.bias - mean @ kernel, self.activation)

    def softened(self, temperature: float) -> "Dense":
        """Return the softmax of this map divided by a temperature.

        Softmax depends on the differences between the classes only. Without their mean,
        the numbers are smaller, and float32 keeps more of their digits.
        """
        kernel = self.kernel.astype(np.float64) / temperature
        bias = self.bias.astype(np.float64) / temperature
        kernel -= kernel.mean(axis=1, keepdims=True)
        return Dense(kernel, bias - bias.mean(), "softmax")


@dataclass(frozen=True)
class Scaling:
    """Rows scaled: (x - mean) / scale.

    Attributes
    ----------
    mean, scale : ndarray, shape (d,)
    """

    mean: Floats
    scale: Floats

    def __call__(self, X: Floats) -> Floats:
        """Return the scaled rows, of the shape of X."""
        rows: Floats = (X - self.mean) / self.scale
        return rows

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Rescaling."""
        factor = 1 / self.scale.astype(np.float64)
        offset = -self.mean.astype(np.float64) * factor
        layer = import_keras().layers.Rescaling(
            factor.tolist(), offset.tolist(), name=name
        )
        return layer(tensor)


@dataclass(frozen=True)
class UnitLength:
    """Rows divided by their length; a row of zeros stays one.

    Attributes
    ----------
    least : float
        Shorter rows are divided by it.
    """

    least: float = 1e-12

    def __call__(self, X: Floats) -> Floats:
        """Return rows of length 1, of the shape of X."""
        length = np.sqrt(np.square(X).sum(axis=1, keepdims=True))
        rows: Floats = X / np.maximum(length, self.least)
        return rows

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Keras' operations."""
        ops = import_keras().ops
        length = ops.sqrt(ops.sum(ops.square(tensor), axis=1, keepdims=True))
        return ops.divide(tensor, ops.maximum(length, self.least))


@dataclass(frozen=True)
class Mixture:
    """Scores of components to log-probabilities of the classes.

    The probability of a class is the mean of its share in each component, weighted by
    the softmax of the components' scores.

    Attributes
    ----------
    kinds : ndarray of int, shape (n_components,)
        Which row of `shares` is that of each component.
    shares : ndarray, shape (n_kinds, n_classes)
        Positive.
    nearest : int or None
        How many components count for a row, those with the highest scores; None: all.
    """

    kinds: NDArray[np.integer]
    shares: Floats
    nearest: int | None = None

    def __call__(self, X: Floats) -> Floats:
        """Return log-probabilities, shape (n, n_classes), but for a constant."""
        if self.nearest is None:
            mixed = _exponentials(X) @ self.shares[self.kinds]
        else:
            chosen = np.argpartition(-X, self.nearest - 1, axis=1)[:, : self.nearest]
            weights = _exponentials(np.take_along_axis(X, chosen, axis=1))
            mixed = np.einsum("nk,nkc->nc", weights, self.shares[self.kinds[chosen]])
        logs: Floats = np.log(mixed)
        return logs

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Keras' operations; the choice of the nearest has no gradient."""
        ops = import_keras().ops
        shares = self.shares.astype(np.float32)
        if self.nearest is None:
            return ops.log(ops.matmul(ops.softmax(tensor), shares[self.kinds]))
        scores, chosen = ops.top_k(tensor, self.nearest)
        kinds = ops.take(self.kinds.astype(np.int32), chosen, axis=0)
        weights = ops.expand_dims(ops.softmax(scores), -1)
        return ops.log(ops.sum(weights * ops.take(shares, kinds, axis=0), axis=1))


@dataclass(frozen=True)
class Blend:
    """The log of the weighted mean of several heads' probabilities.

    No file holds it: the head that makes it holds heads.

    Attributes
    ----------
    members : sequence of sequence of Layer
        From the same rows to probabilities; the last ones are `Dense` with a softmax.
    weights : ndarray, shape (n_members,)
        Positive; their sum is 1.
    """

    members: Sequence[Sequence[Layer]]
    weights: Floats

    def __call__(self, X: Floats) -> Floats:
        """Return log-probabilities, shape (n, n_classes)."""
        from scipy.special import log_softmax

        scores = (apply_layers(layers, X) for layers in self.members)
        return blended([log_softmax(one, axis=1) for one in scores], self.weights)

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add the members' layers side by side, and Keras' operations."""
        ops = import_keras().ops
        logs = []
        for number, layers in enumerate(self.members, start=1):
            *before, last = layers
            scores = tensor
            for place, layer in enumerate(before, start=1):
                scores = layer.to_keras(scores, f"{name}_{number}_{place}")
            assert isinstance(last, Dense)
            linear = Dense(last.kernel, last.bias)
            scores = linear.to_keras(scores, f"{name}_{number}_dense")
            logs.append(
                ops.log_softmax(scores) + float(np.log(self.weights[number - 1]))
            )
        return ops.logsumexp(ops.stack(logs, axis=1), axis=1)


def blended(logs: Sequence[Floats], weights: Floats) -> Floats:
    """Return the log of a weighted mean of probabilities, from their logs.

    Parameters
    ----------
    logs : sequence of ndarray, shape (n, n_classes)
    weights : ndarray, as many as there are `logs`
    """
    from scipy.special import logsumexp

    found: Floats = logsumexp(
        np.stack(logs), axis=0, b=np.asarray(weights)[:, None, None]
    )
    return found


def _exponentials(X: Floats) -> Floats:
    """Return the exponentials of scores, the highest of each row as 1."""
    found: Floats = np.exp(X - X.max(axis=1, keepdims=True))
    return found


_KINDS: tuple[type[Any], ...] = (
    *(SignedRoot, Maps, Conv, Flatten, BatchNorm, Dropout, Dense),
    *(Scaling, UnitLength, Mixture),
)

LAYERS: Mapping[str, type[Any]] = MappingProxyType(
    {kind.__name__.lower(): kind for kind in _KINDS}
)
"""The kinds of layers here by their names in files."""


def apply_layers(layers: Sequence[Layer], X: Floats) -> Floats:
    """Return the layers' output for rows, shape (n, d), computed by NumPy."""
    found = []
    for start in range(0, max(1, len(X)), BLOCK):
        rows = X[start : start + BLOCK]
        for layer in layers:
            rows = layer(rows)
        found.append(rows)
    return np.concatenate(found)


def apply_in_keras(layers: Sequence[Layer], tensor: Any) -> Any:
    """Return the layers' output for a Keras tensor, shape (None, d).

    The last layer is named `HEAD_LAYER`, those before it ``head_<kind>_<number>``.
    All compute in float32, also behind a backbone that computes in bfloat16.
    """
    if tensor.dtype != "float32":
        tensor = import_keras().ops.cast(tensor, "float32")
    with dtype_policy("float32"):
        for number, layer in enumerate(layers[:-1], start=1):
            kind = type(layer).__name__.lower()
            tensor = layer.to_keras(tensor, f"{HEAD_LAYER}_{kind}_{number}")
        return layers[-1].to_keras(tensor, HEAD_LAYER)


def _weighted(layer: Any, tensor: Any, *weights: Floats) -> Any:
    """Return a layer's output for a tensor, with these weights."""
    result = layer(tensor)
    layer.set_weights([array.astype(np.float32) for array in weights])
    return result
