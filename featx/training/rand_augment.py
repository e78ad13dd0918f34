"""RandAugment built of Keras' layers, with operations drawn for each image.

Keras' own RandAugment draws two operations for a whole batch, rotates by up to half a
circle at its default strength, and is strongest where it should be weakest: at a factor
of 0.1 it leaves one bit of each colour and inverts nearly all pixels.
"""

from functools import partial
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
    magnitude: float, *, seed: int, name: str | None = None
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
    name : str
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
    operations = _operations(keras.layers, magnitude, seeds)

    class RandAugment(keras.Layer):  # type: ignore[misc, name-defined]
        """Computes all operations and selects one per image, as Keras' layer does."""

        def __init__(self) -> None:
            super().__init__(name=name)
            self.operations, self.drawn = operations, drawn

        def build(self, input_shape: Any) -> None:
            for operation in self.operations:
                operation.build(input_shape)

        def call(self, images: Any, training: bool = False) -> Any:
            for _ in range(OPERATIONS if training else 0):
                images = _one_operation(self.operations, images, self.drawn)
            return images

    return RandAugment()


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


def _operations(layers: Any, magnitude: float, seeds: list[int]) -> list[Any]:
    """Return one layer per operation, in both directions where there are two."""
    edge = {"fill_mode": "nearest"}
    shear, shift = magnitude * SHEAR, magnitude * SHIFT
    contrast = (magnitude * CONTRAST,) * 2
    sharp, lost = magnitude * SHARPNESS, round(magnitude * BITS)
    makers = [
        partial(layers.RandomRotation, magnitude * TURN, **edge),
        partial(layers.RandomShear, shear, shear, **edge),
        partial(layers.RandomTranslation, shift, shift, **edge),
        partial(layers.RandomBrightness, magnitude * BRIGHTNESS),
        partial(layers.RandomContrast, contrast),
        partial(layers.RandomColorDegeneration, magnitude * SATURATION),
        partial(layers.RandomSharpness, (0.5 - sharp, 0.5 + sharp)),
        partial(layers.RandomPosterization, (8 - lost, 8)),
    ]
    made = [make(seed=seed) for make, seed in zip(makers, seeds, strict=False)]
    return [*made, layers.AutoContrast()]
