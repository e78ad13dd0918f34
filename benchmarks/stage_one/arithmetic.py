"""What the machine could do at most: its matrix products, a backbone's operations."""

import math
import time

SIDES = (2048, 3072, 4096)


class MatrixProduct:
    """Products of square matrices by TensorFlow, in one precision.

    Parameters
    ----------
    precision : {"float32", "bfloat16", "float16"}
    sides : sequence of int
        Sizes to try; the fastest is kept.
    """

    def __init__(self, precision: str, sides=SIDES) -> None:
        import tensorflow as tf

        self._tf = tf
        self._product = tf.function(tf.matmul)
        rates = {side: self._try(precision, side) for side in sides}
        self.side = max(rates, key=lambda side: rates[side])
        self._factors = self._draw(precision, self.side)
        self.operations = 2 * self.side**3

    def __call__(self) -> None:
        """Compute one product."""
        # A number of it must be there before a GPU is done.
        float(self._product(*self._factors)[0, 0])

    def _try(self, precision: str, side: int) -> float:
        """Return operations per second, the best of three."""
        self._factors = self._draw(precision, side)
        self()
        return 2 * side**3 / min(timed(self) for _ in range(3))

    def _draw(self, precision: str, side: int):
        draw = self._tf.random.stateless_normal
        return [
            self._tf.cast(draw((side, side), seed=(0, i)), precision) for i in (0, 1)
        ]


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
