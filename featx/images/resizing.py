"""From any size to a wanted one: squashed, cropped or padded.

``squash`` ignores the aspect ratio: bilinear, without antialiasing, which was as good
as or better than area, nearest and antialiased filters on features of squashed images.

``crop`` cuts seven eighths of the shorter side out of the centre and resizes that with
Pillow's bicubic filter, which is antialiased. So EfficientNet [1]_ is evaluated on
ImageNet at 224 pixels, and with a resize first and a crop then most networks are.

``pad`` resizes the whole image in the same way until it fits, and fills up the rest.

References
----------
.. [1] M. Tan, Q. V. Le. "EfficientNet: Rethinking model scaling for convolutional
   neural networks". ICML 2019.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Resize = Literal["squash", "crop", "pad"]

SQUASH: Resize = "squash"
RESIZED: dict[str, str] = {"squash": "", "crop": "cropped", "pad": "padded"}
"""What images are called that were resized; nothing where it is as always."""

MAX_SIZE = 4096
"""Side in pixels: a network takes gigabytes for a single image of this size."""

PADDING = 0x7C, 0x74, 0x68
"""RGB of what is filled up: the mean of ImageNet's images."""

Size = tuple[int, int]
"""Height and width in pixels."""


class Fit(NamedTuple):
    """A size, and how an image is brought to it."""

    height: int
    width: int
    resize: Resize = SQUASH


def is_enough(size: Size, fit: Fit) -> bool:
    """Return whether an image of some size needn't be enlarged."""
    high, wide = size[0] >= fit.height, size[1] >= fit.width
    if fit.resize == "pad":
        return high or wide
    if fit.resize == "crop":
        return is_enough(_centre(size, fit), Fit(fit.height, fit.width))
    return high and wide


def resize(pixels: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """Bring pixels, shape (h, w, 3), to a height and width."""
    if fit.resize == "crop":
        return _bicubic(_cut(pixels, _centre(pixels.shape[:2], fit)), fit[:2])
    if fit.resize == "pad":
        return _pad(pixels, fit)
    return _squash(pixels, fit[:2])


def _squash(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    import cv2

    if pixels.shape[:2] == size:
        return pixels
    try:
        squashed: NDArray[np.uint8] = cv2.resize(
            pixels, size[::-1], interpolation=cv2.INTER_LINEAR
        )
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        raise
    return squashed


def _centre(size: Size, fit: Fit) -> Size:
    """Return the size of what is cut out: in whole pixels, rounded down."""
    height, width = size
    least = min(height * fit.width, width * fit.height)
    return max(7 * least // (8 * fit.width), 1), max(7 * least // (8 * fit.height), 1)


def _cut(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Return the centre of pixels."""
    top, left = (
        (whole - part + 1) // 2
        for whole, part in zip(pixels.shape[:2], size, strict=True)
    )
    return pixels[top : top + size[0], left : left + size[1]]


def _pad(pixels: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """Do as Pillow's `ImageOps.pad`, which refuses what becomes less than a pixel."""
    height, width = pixels.shape[:2]
    if width * fit.height > height * fit.width:
        inner = max(round(height / width * fit.width), 1), fit.width
    else:
        inner = fit.height, max(round(width / height * fit.height), 1)
    top, left = round((fit.height - inner[0]) / 2), round((fit.width - inner[1]) / 2)
    padded = np.full((fit.height, fit.width, 3), PADDING, np.uint8)
    padded[top : top + inner[0], left : left + inner[1]] = _bicubic(pixels, inner)
    return padded


def _bicubic(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    from PIL import Image

    resized = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BICUBIC)
    return np.array(resized)
