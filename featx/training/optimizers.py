"""Keras' optimizers with a learning rate for each layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from featx.frameworks import import_keras


def make_optimizer(
    name: str,
    *,
    weight_decay: float | None = None,
    rates: Mapping[int, float] | None = None,
) -> Any:
    """Return one of Keras' optimizers.

    Parameters
    ----------
    name : {"adam", "adamw", "rmsprop", "sgd"}
        SGD has Nesterov's momentum of 0.9.
    weight_decay : float, optional
        Decoupled; by default AdamW's 0.004, and none for the others.
    rates : mapping of int to float, optional
        Factor of the learning rate for a weight, by its `id`, since two backbones may
        have layers of the same name. (Scaling gradients instead would have no effect:
        Adam normalises them.)
    """
    keras = import_keras()
    base = type(keras.optimizers.get(name))
    factors = dict(rates or {})

    class Rated(base):  # type: ignore[misc, valid-type]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            # It is called with TensorFlow's variable, not Keras'.
            weight = self._trainable_variables[self._get_variable_index(variable)]
            factor = factors.get(id(weight), 1.0)
            super().update_step(gradient, variable, learning_rate * factor)

        def _apply_weight_decay(self, variables: Any) -> None:
            # Keras' method uses the same learning rate for all.
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
    """Return the factor of the learning rate for each trained weight.

    Parameters
    ----------
    bases : sequence of keras.Model
        Backbones; their trainable layers count.
    backbone_rate : float
        Factor for the layer of a backbone that is nearest to the head.
    depth_decay : float
        Further factor for the layer nearest to the input; geometric in between.

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
