"""A fitted head's layers as arrays: they answer in NumPy and become Keras' exactly.

Arrays go into the pickle of a run, so that predicting needs no framework;
`apply_in_keras` applies the same layers to a Keras tensor. Those are Keras' own layers
and operations only: a saved model loads in plain Keras, with safe mode on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from featx.frameworks import import_keras
from featx.heads.base import Floats
from featx.heads.table import HEAD_LAYER

BLOCK = 256
"""Rows that go through layers at a time: a map is many times as large inside."""


class Layer(Protocol):
    """One step of a fitted head."""

    def __call__(self, X: Floats) -> Floats:
        """Return what the layer makes of rows, in NumPy."""

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Return the same of a Keras tensor."""


@dataclass(frozen=True)
class SignedRoot:
    """Signed square root, with a finite gradient at zero.

    Attributes
    ----------
    floor : float
        Magnitudes below are taken for it: zeros stay zero and have the gradient 0,
        where that of the root itself is infinite.
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
        scaled = layers.Rescaling(
            factor.tolist(), offset.tolist(), name=name, dtype="float32"
        )
        return scaled(maps)


@dataclass(frozen=True)
class Conv:
    """Convolution of 3x3 with relu, as large as its input.

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
            len(self.bias),
            3,
            padding="same",
            activation="relu",
            name=name,
            dtype="float32",
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
    """Batch normalisation by what was learnt.

    Attributes
    ----------
    gamma, beta, mean, variance : ndarray, shape (d,)
    epsilon, momentum : float
        Keras' settings.
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
            momentum=self.momentum, epsilon=self.epsilon, name=name, dtype="float32"
        )
        return _weighted(layer, tensor, self.gamma, self.beta, self.mean, self.variance)


@dataclass(frozen=True)
class Dropout:
    """Dropout: of use where a joined head is trained further.

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
    activation: str = "linear"

    def __call__(self, X: Floats) -> Floats:
        """Return rows, shape (n, units); softmax is left to who softens first."""
        rows: Floats = X @ self.kernel + self.bias
        return np.maximum(rows, 0) if self.activation == "relu" else rows

    def to_keras(self, tensor: Any, name: str) -> Any:
        """Add Dense."""
        layer = import_keras().layers.Dense(
            len(self.bias), activation=self.activation, name=name, dtype="float32"
        )
        return _weighted(layer, tensor, self.kernel, self.bias)

    def after_scaling(self, mean: Floats, scale: Floats) -> "Dense":
        """Return the same map of what is not yet scaled, (x - mean) / scale."""
        kernel = self.kernel.astype(np.float64) / scale[:, None]
        return Dense(kernel, self.bias - mean @ kernel, self.activation)

    def softened(self, temperature: float) -> "Dense":
        """Return the map with softmax behind it, its scores divided by a temperature.

        Softmax sees differences between the classes only: taking their mean away
        leaves smaller numbers, and more of their digits in float32.
        """
        kernel = self.kernel.astype(np.float64) / temperature
        bias = self.bias.astype(np.float64) / temperature
        kernel -= kernel.mean(axis=1, keepdims=True)
        return Dense(kernel, bias - bias.mean(), "softmax")


def apply_layers(layers: Sequence[Layer], X: Floats) -> Floats:
    """Return what the layers make of rows, shape (n, d), in NumPy."""
    found = []
    for start in range(0, max(1, len(X)), BLOCK):
        rows = X[start : start + BLOCK]
        for layer in layers:
            rows = layer(rows)
        found.append(rows)
    return np.concatenate(found)


def apply_in_keras(layers: Sequence[Layer], tensor: Any) -> Any:
    """Return what the layers make of a Keras tensor, shape (None, d).

    The last layer is named `HEAD_LAYER`, those before it ``head_<kind>_<number>``.
    All compute in float32, whatever the policy of the backbone before them.
    """
    if tensor.dtype != "float32":
        tensor = import_keras().ops.cast(tensor, "float32")
    for number, layer in enumerate(layers[:-1], start=1):
        kind = type(layer).__name__.lower()
        tensor = layer.to_keras(tensor, f"{HEAD_LAYER}_{kind}_{number}")
    return layers[-1].to_keras(tensor, HEAD_LAYER)


def _weighted(layer: Any, tensor: Any, *weights: Floats) -> Any:
    """Return what a layer with these weights makes of a tensor."""
    result = layer(tensor)
    layer.set_weights([array.astype(np.float32) for array in weights])
    return result
