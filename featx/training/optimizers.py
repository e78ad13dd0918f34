"""Keras' optimizers, with a rate of its own for each layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from featx.frameworks import import_keras

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")

_CLASSES = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD"}


def make_optimizer(
    name: str,
    *,
    weight_decay: float | None = None,
    rates: Mapping[int, float] | None = None,
) -> Any:
    """Return an optimizer of Keras'.

    Parameters
    ----------
    name : {"adam", "adamw", "rmsprop", "sgd"}
        SGD has Nesterov's momentum of 0.9.
    weight_decay : float, optional
        Decoupled; AdamW's own 0.004 where none is given.
    rates : mapping of int to float, optional
        What the learning rate is multiplied by for a weight, by its `id`: two
        backbones may have layers of one name. It can't be done by scaling gradients,
        which Adam would undo.
    """
    keras = import_keras()
    base = getattr(keras.optimizers, _CLASSES[name])
    factors = dict(rates or {})

    class Rated(base):  # type: ignore[misc, valid-type]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            # TensorFlow hands its own variable in.
            weight = self._trainable_variables[self._get_variable_index(variable)]
            factor = factors.get(id(weight), 1.0)
            super().update_step(gradient, variable, learning_rate * factor)

        def _apply_weight_decay(self, variables: Any) -> None:
            # Keras' own takes the same learning rate for all.
            if self.weight_decay is None:
                return
            for weight in variables:
                factor = factors.get(id(weight), 1.0)
                share = factor * self.weight_decay * self.learning_rate
                weight.assign_sub(weight * keras.ops.cast(share, weight.dtype))

    options: dict[str, Any] = {"name": name}
    if name == "sgd":
        options.update(momentum=0.9, nesterov=True)
    if weight_decay is not None:
        options["weight_decay"] = weight_decay
    return Rated(**options)


def layer_rates(
    bases: Sequence[Any], *, backbone_rate: float, depth_decay: float
) -> dict[int, float]:
    """Return what the learning rate of each trained weight is multiplied by.

    Parameters
    ----------
    bases : sequence of keras.Model
        Backbones, with what is trained of them unfrozen.
    backbone_rate : float
        For the trained layer of a backbone that is nearest to the head.
    depth_decay : float
        For the one nearest to the images, times that; geometrically between them.

    Returns
    -------
    dict of int to float
        By the weight's `id`.

    Notes
    -----
    After Howard and Ruder, Universal Language Model Fine-tuning for Text
    Classification, 2018.
    """
    rates: dict[int, float] = {}
    for base in bases:
        trained = [layer for layer in base.layers if layer.trainable_weights]
        for place, layer in enumerate(reversed(trained)):
            depth = place / max(1, len(trained) - 1)
            for weight in layer.trainable_weights:
                rates[id(weight)] = backbone_rate * depth_decay**depth
    return rates
