"""Keras models of the networks that heads train."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import dtype_policy, import_keras, quick_compiling
from featx.heads.hidden import HiddenLayer
from featx.heads.layers import BatchNorm, Conv, Dense, Dropout, Flatten, Layer

MOMENTUM = 0.9
"""Of batch normalisation. With few images there are about a hundred steps, after which
Keras' 0.99 would still depend on the initial values."""


@dataclass(frozen=True, slots=True)
class Network:
    """The sizes and layers of a network on embeddings.

    Attributes
    ----------
    width : int
        Of the (scaled) rows.
    n_classes : int
    hidden : tuple of HiddenLayer
    map_shape : tuple of int, optional
        Height, width, channels. Rows are maps then, and a convolution of 3x3 with ReLU
        and batch normalisation comes first.
    filters : int
        Of that convolution.
    """

    width: int
    n_classes: int
    hidden: tuple[HiddenLayer, ...] = ()
    map_shape: tuple[int, int, int] | None = None
    filters: int = 64

    def build(self, seed: int) -> Any:
        """Return a `keras.Sequential` from rows to scores, its weights seeded.

        NumPy draws them, so that they are the same on each of Keras' backends.
        """
        keras, rng = import_keras(), np.random.default_rng(seed)
        model = keras.Sequential([keras.Input((self.width,))])
        with dtype_policy("float32"), quick_compiling():
            for layer in self._layers(keras.layers):
                model.add(layer)
                if hasattr(layer, "kernel"):
                    layer.kernel.assign(_glorot_uniform(rng, layer.kernel.shape))
        return model

    def _layers(self, layers: Any) -> list[Any]:
        made: list[Any] = []
        if self.map_shape is not None:
            made += [
                layers.Reshape(self.map_shape),
                layers.Conv2D(self.filters, 3, padding="same", activation="relu"),
                layers.BatchNormalization(momentum=MOMENTUM),
                layers.Flatten(),
            ]
        for kind, value in self.hidden:
            if kind == "dense":
                made.append(layers.Dense(int(value), activation="relu"))
            elif kind == "bn":
                made.append(layers.BatchNormalization(momentum=MOMENTUM))
            else:
                made.append(layers.Dropout(value, seed=len(made)))
        return [*made, layers.Dense(self.n_classes)]


def _glorot_uniform(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Draw the weights of a layer as Keras' initialiser of that name does [1]_.

    References
    ----------
    .. [1] Glorot and Bengio, Understanding the difficulty of training deep feedforward
       neural networks, AISTATS 2010.
    """
    *places, inputs, outputs = shape
    limit = np.sqrt(6 / (np.prod(places) * (inputs + outputs)))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def read_layers(model: Any) -> list[Layer]:
    """Return copies of a trained network's layers as arrays, without the Reshape."""
    layers: list[Layer] = []
    for layer in model.layers:
        weights: list[Any] = [array.copy() for array in layer.get_weights()]
        match type(layer).__name__:
            case "Dense":
                kernel, bias = weights
                layers.append(Dense(kernel, bias, layer.activation.__name__))
            case "Conv2D":
                layers.append(Conv(*weights))
            case "BatchNormalization":
                settings = {"epsilon": layer.epsilon, "momentum": layer.momentum}
                layers.append(BatchNorm(*weights, **settings))
            case "Dropout":
                layers.append(Dropout(layer.rate))
            case "Flatten":
                layers.append(Flatten())
    return layers
