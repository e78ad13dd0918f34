"""What the machine could do at most: its matrix products, a backbone's operations."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from featx.frameworks import import_jax, import_tensorflow, import_torch
from featx.keras_backend import keras_backend

SIDES = (2048, 3072, 4096)
GPU_SIDES = (8192, 16384)
"""A GPU computes for milliseconds then, beside which its start-up is little."""

Product = Callable[[Any, Any], Any]
Draw = Callable[[int], list[Any]]


class MatrixProduct:
    """Products of square matrices by the library that Keras runs on, in one precision.

    Parameters
    ----------
    precision : {"float32", "bfloat16", "float16"}
        Products in float32 are not computed in TF32.
    sides : sequence of int
        Sizes to try; the fastest is kept.
    """

    def __init__(self, precision: str, sides: Sequence[int] = SIDES) -> None:
        self._draw, self._product = _BY[keras_backend()](precision)
        rates = {side: self._try(side) for side in sides}
        self.side = max(rates, key=lambda side: rates[side])
        self._factors = self._draw(self.side)
        self.operations = 2 * self.side**3

    def __call__(self) -> None:
        """Compute one product."""
        # A number of it must be there before a GPU is done.
        float(self._product(*self._factors)[0, 0])

    def _try(self, side: int) -> float:
        """Return operations per second, the best of three."""
        self._factors = self._draw(side)
        self()
        return 2 * side**3 / min(timed(self) for _ in range(3))


def _tensorflow(precision: str) -> tuple[Draw, Product]:
    tf = import_tensorflow()

    def draw(side: int) -> list[Any]:
        normal = tf.random.stateless_normal
        return [tf.cast(normal((side, side), seed=(0, i)), precision) for i in (0, 1)]

    return draw, tf.function(tf.matmul)


def _jax(precision: str) -> tuple[Draw, Product]:
    jax = import_jax()

    def draw(side: int) -> list[Any]:
        normal = jax.random.normal
        return [normal(jax.random.key(i), (side, side), precision) for i in (0, 1)]

    return draw, jax.jit(partial(jax.numpy.matmul, precision="highest"))


def _torch(precision: str) -> tuple[Draw, Product]:
    torch = import_torch()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = getattr(torch, precision)

    def draw(side: int) -> list[Any]:
        return [torch.randn(side, side, device=device, dtype=kind) for _ in (0, 1)]

    return draw, torch.matmul


_BY = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def timed(function) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def operations_per_image(model) -> int:
    """Count a Keras model's multiplications and additions for one image.

    Those of convolutions and dense layers; the rest is about a hundredth.
    """
    import keras

    kinds = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense")
    counted = tuple(getattr(keras.layers, kind) for kind in kinds)
    operations = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            operations += operations_per_image(layer)
        elif isinstance(layer, counted):
            # Each place of the output meets each weight once; a bias isn't counted.
            places = math.prod(layer.output.shape[1:-1])
            kernels = [w.shape for w in layer.weights if len(w.shape) > 1]
            operations += 2 * places * sum(map(math.prod, kernels))
    return operations
