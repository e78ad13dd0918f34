"""RandAugment built of Keras' layers, with operations drawn for each image.

Keras' own RandAugment draws two operations for a whole batch, rotates by up to half a
circle at its default strength, and is strongest where it should be weakest: at a factor
of 0.1 it leaves one bit of each colour and inverts nearly all pixels.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from featx.frameworks import import_keras

if TYPE_CHECKING:
    import keras

OPERATIONS = 2
"""Operations per image, one after the other; the paper's N for ImageNet."""

# At magnitude 1, as in the paper's search space.
TURN = 30 / 360  # of a full circle
SHEAR = 0.3  # of the side
SHIFT = 0.3  # of the side
BRIGHTNESS = 0.4  # of the range of pixels
CONTRAST = 0.9
SATURATION = 0.9  # of the way to grey
SHARPNESS = 0.45  # around 0.5, which changes nothing
BITS = 4  # of eight, removed from each colour


def rand_augment(
    magnitude: float, *, seed: int, dtype: str = "float32", name: str | None = None
) -> "keras.Layer":
    """Return a layer that applies two operations, drawn for each image.

    RandAugment: Cubuk et al., 2019, https://arxiv.org/abs/1909.13719. The operations
    are rotation, shear, translation, brightness, contrast, colour, sharpness,
    posterisation and automatic contrast. Equalisation and solarisation are left out:
    Keras' layers equalise a whole batch at once, and can't limit what they invert.

    Parameters
    ----------
    magnitude : float
        From 0, nothing, to 1, the strongest.
    seed : int
        Of the draw of operations and of the operations.
    dtype, name : str
        As of all Keras layers.

    Returns
    -------
    keras.Layer
        From and to (N, H, W, 3), with pixels from 0 to 255; without ``training=True``
        it changes nothing.
    """
    keras = import_keras()
    first, *seeds = np.random.SeedSequence(seed).generate_state(16).tolist()
    drawn = keras.random.SeedGenerator(first)
    operations = _operations(keras.layers, magnitude, seeds, dtype)
    layer = _layer_class()
    return layer(operations, drawn, dtype=dtype, name=name)


def _layer_class() -> Any:
    """Return the class of the layer; defining it needs Keras."""
    from keras import Layer

    class RandAugment(Layer):  # type: ignore[misc]
        """Computes all operations and selects one per image, as Keras' layer does."""

        def __init__(self, operations: list[Any], drawn: Any, **options: Any) -> None:
            super().__init__(**options)
            self.operations, self.drawn = operations, drawn

        def build(self, input_shape: Any) -> None:
            for operation in self.operations:
                operation.build(input_shape)

        def call(self, images: Any, training: bool = False) -> Any:
            for _ in range(OPERATIONS if training else 0):
                images = _one_operation(self.operations, images, self.drawn)
            return images

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    return RandAugment


def _one_operation(operations: list[Any], images: Any, drawn: Any) -> Any:
    """Apply to each image the operation drawn for it."""
    keras = import_keras()
    shape = (keras.ops.shape(images)[0], 1, 1, 1)
    picked = keras.random.randint(shape, 0, len(operations), seed=drawn)
    found = images
    for number, operation in enumerate(operations):
        done = operation(images, training=True)
        found = keras.ops.where(picked == number, done, found)
    return found


def _operations(
    layers: Any, magnitude: float, seeds: list[int], dtype: str
) -> list[Any]:
    """Return one layer per operation, in both directions where there are two."""
    edge = {"fill_mode": "nearest"}
    shear, shift = magnitude * SHEAR, magnitude * SHIFT
    sharp, lost = magnitude * SHARPNESS, round(magnitude * BITS)
    rows: list[tuple[Any, dict[str, Any]]] = [
        (layers.RandomRotation, {"factor": magnitude * TURN, **edge}),
        (layers.RandomShear, {"x_factor": shear, "y_factor": shear, **edge}),
        (
            layers.RandomTranslation,
            {"height_factor": shift, "width_factor": shift, **edge},
        ),
        (layers.RandomBrightness, {"factor": magnitude * BRIGHTNESS}),
        (layers.RandomContrast, {"factor": (magnitude * CONTRAST,) * 2}),
        (layers.RandomColorDegeneration, {"factor": magnitude * SATURATION}),
        (layers.RandomSharpness, {"factor": (0.5 - sharp, 0.5 + sharp)}),
        (layers.RandomPosterization, {"factor": (8 - lost, 8)}),
    ]
    made = [
        layer(**options, seed=seed, dtype=dtype)
        for (layer, options), seed in zip(rows, seeds, strict=False)
    ]
    return [*made, layers.AutoContrast(dtype=dtype)]
