"""From a file's bytes to pixels, the same ones whichever decoder served them.

OpenCV decodes what it decodes exactly as Pillow does (JPEG and PNG of grey or RGB
pixels) and 1.4 to 4 times faster; Pillow decodes the rest and everything that
OpenCV refuses. Both resize through OpenCV: bilinear, without antialiasing, squashed
to the asked size, which was as good as or better than the alternatives on features.
"""

import io
import os
import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import ImageError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS_VERSION = 1
"""Counts up when the same file would give other pixels; part of each spec."""

MAX_PIXELS = 178_956_970
"""An image with more is refused: decoded, it would take over half a gigabyte."""

TOO_MANY = f"over the bound of {MAX_PIXELS}; make it smaller"

NO_MEMORY = "not enough memory to decode it"

FAST_FORMATS = {"JPEG", "PNG"}
FAST_MODES = {"L", "RGB"}

ORIENTATION = 0x0112
PILLOW_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def decode(content: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decode an image and resize it.

    The first frame of an animation, turned as EXIF says, transparent parts on white.

    Parameters
    ----------
    content : bytes
        The file's bytes.
    size : (int, int)
        Height and width in pixels.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.

    Raises
    ------
    ImageError
        The bytes are no image, are damaged, or hold too many pixels.
    """
    return resize(decode_full(content), size)


def resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Squash pixels, shape (h, w, 3), to a height and width: bilinear."""
    import cv2

    if pixels.shape[:2] == size:
        return pixels
    resized: NDArray[np.uint8] = cv2.resize(
        pixels, (size[1], size[0]), interpolation=cv2.INTER_LINEAR
    )
    return resized


def flip(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Flip pixels, shape (h, w, 3), left to right."""
    import cv2

    flipped: NDArray[np.uint8] = cv2.flip(pixels, 1)
    return flipped


def decode_full(content: bytes) -> NDArray[np.uint8]:
    """Decode an image at its own size; see `decode`."""
    return decode_content(content)[0]


class ImageFormat(NamedTuple):
    """What a file is, by its content; Pillow's names."""

    format: str
    mode: str


def decode_content(content: bytes) -> tuple[NDArray[np.uint8], ImageFormat]:
    """Decode an image at its own size, and say what the file is; see `decode`."""
    if not content:
        raise ImageError("empty file; download it again")
    _silence_pillow()
    image = _open(content)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width}×{height} pixels, {TOO_MANY}")
    kind = ImageFormat(image.format or "", image.mode)  # loading may change it
    pixels = _decode_fast(content) if _is_fast(image) else None
    if pixels is None:
        pixels = _decode_any(image)
    return _turn(pixels, _orientation(image)), kind


def _silence_pillow() -> None:
    """Silence Pillow's warnings about metadata; what matters raises."""
    # `catch_warnings` isn't safe in threads; this is, and is done once.
    if PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _open(content: bytes) -> "Image":
    """Read the header only."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise ImageError(
            "not an image, or of an unknown format; download it again or convert it"
        ) from None
    except Image.DecompressionBombError as error:
        count = re.search(r"\d+", str(error))
        assert count is not None
        raise ImageError(f"{count[0]} pixels, {TOO_MANY}") from None
    except Exception as error:  # Pillow's plug-ins raise anything on garbage.
        raise _failure(error) from error
    if image.format == "EPS":  # Pillow would run the file in Ghostscript.
        raise ImageError("an EPS drawing; convert it to PNG")
    if image.mode in {"I", "F"}:  # Pillow would cut them off at 255.
        raise ImageError("32-bit pixels; convert it to 8 bits per colour")
    return image


def _is_fast(image: "Image") -> bool:
    """Return whether OpenCV decodes it as Pillow would."""
    return (
        image.format in FAST_FORMATS
        and image.mode in FAST_MODES
        and not image.has_transparency_data  # one colour of an RGB PNG
        and not getattr(image, "is_animated", False)
    )


@lru_cache(maxsize=1)
def _silence_opencv() -> None:
    """Silence OpenCV: Pillow reports what is wrong with a file.

    What libjpeg and libpng print within OpenCV stays: it goes past Python, and only
    turning off stderr for the whole process, all threads, would silence it.
    """
    import cv2

    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _decode_fast(content: bytes) -> NDArray[np.uint8] | None:
    """Return RGB pixels as they lie in the file, or None where OpenCV refuses."""
    import cv2

    _silence_opencv()
    try:
        pixels: NDArray[np.uint8] | None = cv2.imdecode(
            np.frombuffer(content, dtype=np.uint8),
            cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
        )
        return pixels
    except cv2.error:
        return None


def _decode_any(image: "Image") -> NDArray[np.uint8]:
    """Return RGB pixels as they lie in the file; Pillow turns TIFFs by itself."""
    from PIL import Image

    try:
        image.load()
        if image.mode.startswith("I;16"):
            # 16-bit grey: the high byte, as the PNG standard scales samples down.
            grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            white = Image.new("RGBA", layer.size, "white")
            image = Image.alpha_composite(white, layer)
        return np.array(image.convert("RGB"))
    except Exception as error:  # Pillow's plug-ins raise anything on garbage.
        raise _failure(error) from error


def _orientation(image: "Image") -> int:
    """Return EXIF's orientation, 1 (as it is) where EXIF is damaged."""
    if "exif" not in image.info:
        return 1
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001  Pillow raises anything on garbage
        return 1


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn pixels, shape (h, w, 3), as EXIF's orientation says."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _failure(error: Exception) -> ImageError:
    if isinstance(error, MemoryError):
        return ImageError(NO_MEMORY, lasting=False)
    return ImageError(f"damaged ({first_line(error)}); download it again")
