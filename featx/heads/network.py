"""The networks that heads train, as Keras layers."""

from dataclasses import dataclass
from typing import Any

from featx.frameworks import import_keras
from featx.heads.hidden import HiddenLayer
from featx.heads.layers import BatchNorm, Conv, Dense, Dropout, Flatten, Layer

MOMENTUM = 0.9
"""Of batch normalisation: with few images there are a hundred steps or so, after which
Keras' 0.99 would still remember where it started."""


@dataclass(frozen=True, slots=True)
class Network:
    """What decides a network's layers.

    Attributes
    ----------
    width : int
        Of the (scaled) rows.
    n_classes : int
    hidden : tuple of HiddenLayer
    map_shape : tuple of int, optional
        Height, width, channels: rows are maps, and a convolution of 3x3 with relu
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
        """Return a `keras.Sequential` from rows to scores, its weights seeded."""
        keras = import_keras()
        model = keras.Sequential([keras.Input((self.width,))])
        for layer in self._layers(keras.layers):
            if hasattr(layer, "kernel_initializer"):
                # A seed for each layer; the first has the head's own.
                number = len(model.layers)
                layer.kernel_initializer = keras.initializers.GlorotUniform(
                    seed + number
                )
            model.add(layer)
        return model

    def _layers(self, layers: Any) -> list[Any]:
        made: list[Any] = []
        if self.map_shape is not None:
            made += [
                layers.Reshape(self.map_shape),
                layers.Conv2D(
                    self.filters, 3, padding="same", activation="relu", dtype="float32"
                ),
                layers.BatchNormalization(momentum=MOMENTUM, dtype="float32"),
                layers.Flatten(),
            ]
        for kind, value in self.hidden:
            if kind == "dense":
                units = int(value)
                made.append(layers.Dense(units, activation="relu", dtype="float32"))
            elif kind == "bn":
                made.append(
                    layers.BatchNormalization(momentum=MOMENTUM, dtype="float32")
                )
            else:
                made.append(layers.Dropout(value, seed=len(made), dtype="float32"))
        return [*made, layers.Dense(self.n_classes, dtype="float32")]


def read_layers(model: Any) -> list[Layer]:
    """Return a trained network's layers as arrays, copied; a Reshape is left out."""
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
