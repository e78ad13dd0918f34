"""The seam between featx and what computes embeddings.

Stage one knows an `Engine` only: a thing of a width that maps images to rows. Tests
put a fake one there; `TensorFlowEngine` is the real one.
"""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from featx.embeddings.keras_model import build_model
from featx.frameworks import import_tensorflow

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from featx.embeddings.backbones import Backbone
    from featx.embeddings.weights import Weights


# Freezing copies the weights several times over: in millions of parameters, what
# stays within a few GiB. ConvNeXt's large matrices take more (XLarge frozen: over
# 24 GiB, unfrozen: 2.4 GB).
_FREEZE_LIMIT = 100.0
_FREEZE_LIMITS = {"convnext": 50.0}


class Engine(Protocol):
    """Maps a batch of images to embeddings."""

    dim: int
    """Width D of an embedding."""

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed uint8 (N, height, width, 3), RGB, as float32 (N, D)."""
        ...


class TensorFlowEngine:
    """Runs a Keras model as one TensorFlow graph.

    Frozen to constants, the graph's optimiser folds batch normalisation into the
    convolutions and fuses what follows them: up to three times as fast as
    ``model.predict`` on a CPU.

    Parameters
    ----------
    model : keras.Model
        From uint8 (N, height, width, 3) to (N, D).
    freeze : bool
        Make constants of the weights. It takes memory for several copies of them
        for a while, and later changes of the model's weights aren't seen.

    Attributes
    ----------
    dim : int
        Width D of an embedding.
    """

    def __init__(self, model: "keras.Model", *, freeze: bool = True) -> None:
        self.dim: int = int(model.output_shape[-1])
        self._shape: tuple[int, ...] = tuple(model.input_shape[1:])
        self._tf = import_tensorflow()
        self._graph = _trace(self._tf, model, freeze=freeze)

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed a batch.

        Parameters
        ----------
        batch : ndarray of uint8, shape (N, height, width, 3)
            Images in RGB, of the model's size; N may differ from call to call.

        Returns
        -------
        ndarray of float32, shape (N, D)
            One row per image.

        Raises
        ------
        ValueError
            If the batch is of another size or type.
        tensorflow.errors.ResourceExhaustedError
            If the batch doesn't fit into memory; a smaller one may.
        """
        if batch.dtype != np.uint8 or batch.shape[1:] != self._shape:
            # A traced graph takes other sizes without a word.
            raise ValueError(
                f"a batch is uint8 (N, {', '.join(map(str, self._shape))}), "
                f"not {batch.dtype} {batch.shape}"
            )
        if len(batch) == 0:  # which the optimised graph can't compute
            return np.empty((0, self.dim), np.float32)
        (rows,) = self._graph(self._tf.constant(batch, self._tf.uint8))
        return np.asarray(rows.numpy(), dtype=np.float32)


def _trace(tf: Any, model: "keras.Model", *, freeze: bool) -> Any:
    """Return the model as a concrete function: one uint8 tensor to a list of one."""
    height, width = model.input_shape[1:3]
    signature = tf.TensorSpec([None, height, width, 3], tf.uint8)

    def embed(images: Any) -> list[Any]:
        return [tf.cast(model(images, training=False), tf.float32)]

    graph = tf.function(embed, input_signature=[signature])
    concrete = graph.get_concrete_function()
    if not freeze:
        return concrete
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    return convert_variables_to_constants_v2(concrete)


def open_engine(
    backbone: "Backbone",
    weights: "Weights",
    image_size: tuple[int, int],
    pooling: str = "avg",
    *,
    layer: str | None = None,
) -> Engine:
    """Build a backbone and make an engine of it.

    Parameters
    ----------
    backbone : Backbone
        The row of the table.
    weights : Weights
        As `featx.embeddings.weights.resolve_weights` returns them.
    image_size : tuple of int
        Height and width of the images, in pixels.
    pooling : {"avg", "max", "none"}
        How a feature map becomes a row.
    layer : str, optional
        Take this inner layer's output instead of the last one's.

    Returns
    -------
    Engine
        On a GPU if TensorFlow finds one, on the CPU otherwise.

    Raises
    ------
    BackboneError, WeightsError
        As `featx.embeddings.keras_model.build_model` does.
    """
    model = build_model(
        backbone, weights, image_size=image_size, pooling=pooling, layer=layer
    )
    return TensorFlowEngine(model, freeze=is_frozen(backbone))


def is_frozen(backbone: "Backbone") -> bool:
    """Tell whether a backbone is small enough to be frozen to constants."""
    limit = _FREEZE_LIMITS.get(backbone.module, _FREEZE_LIMIT)
    return backbone.parameters <= limit
