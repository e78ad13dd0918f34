"""From a file's bytes to pixels, the same ones whichever decoder served them.

OpenCV decodes what it decodes exactly as Pillow does (JPEG and PNG of grey or RGB
pixels) and 1.4 to 4 times faster; Pillow decodes the rest and everything that
OpenCV refuses. An image that is at least twice as large as wanted, in width and
height, is first brought to 1/2, 1/4 or 1/8 of its size: JPEGs while they are decoded,
by libjpeg, others by the mean of each block, in strips. `resizing` goes the rest of the
way.
"""

import io
import os
import re
import warnings
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import ImageError, first_line
from featx.images.formats import allowed_formats, unknown_format
from featx.images.memory import DECODING, MAX_BYTES
from featx.images.png import comes_in_strips, png_strips, without_metadata
from featx.images.resizing import SQUASH, Fit, Resize, Size, is_enough, resize

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS_VERSION = 2
"""Counts up when the same file would give other pixels; part of each spec.

2: large images are brought to 1/2, 1/4 or 1/8 before they are resized.
"""

MAX_PIXELS = 178_956_970
"""An image with more is refused; Pillow's own bound."""

TOO_MANY = f"over the bound of {MAX_PIXELS}; make it smaller"

BYTES = {"WEBP": 8, "AVIF": 12, "HEIF": 12, "JPEG2000": 20}
"""What a decoder holds at most, in bytes per pixel, where it is more than `PLAIN`."""

PLAIN = 4  # Pillow keeps RGB in four bytes
PROGRESSIVE = 6  # libjpeg keeps three coefficients of two bytes until the end

FACTORS = 8, 4, 2
STRIP = 2**20
"""Pixels that are converted at a time: a copy of all in each mode takes gigabytes."""

NO_MEMORY = "not enough memory to decode it"

JPEGS = {"JPEG", "MPO"}
FAST_FORMATS = {"JPEG", "PNG"}
FAST_MODES = {"L", "RGB"}

ORIENTATION = 0x0112
BITS_PER_SAMPLE = 0x0102
PNG_BIT_DEPTH = 24
"""Where a PNG file says how many bits a colour has: IHDR is its first chunk."""
SWAPPED = {5, 6, 7, 8}
PILLOW_BLOCK = 2**26
PILLOW_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def decode(content: bytes, size: Size, resize: Resize = SQUASH) -> NDArray[np.uint8]:
    """Decode an image and resize it.

    The first frame of an animation, turned as EXIF says, transparent parts on white.

    Parameters
    ----------
    content : bytes
        The file's bytes.
    size : (int, int)
        Height and width in pixels.
    resize : {"squash", "crop", "pad"}

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.

    Raises
    ------
    ImageError
        The bytes are no image, are damaged, or would take too much memory.
    """
    fit = Fit(*size, resize)
    return decode_each(content, [fit])[fit]


def decode_each(
    content: bytes, fits: Collection[Fit], *, stretch: bool = False
) -> dict[Fit, NDArray[np.uint8]]:
    """Decode an image and resize it in each way, as `decode` does.

    With `stretch`, 16-bit grey goes from the darkest to the brightest pixel.

    It is decoded once for all that begin at the same fraction of its size.
    """
    image = _open(content)
    by_factor: dict[int, list[Fit]] = {}
    for fit in fits:
        by_factor.setdefault(_factor(image, fit), []).append(fit)
    found = {}
    for number, (factor, wanted) in enumerate(by_factor.items()):
        image = _open(content) if number else image
        with DECODING.take(_bytes_for(image, content, factor)):
            pixels = _decode(image, content, factor, stretch=stretch)
            found.update({fit: resize(pixels, fit) for fit in wanted})
    return found


def decode_above(content: bytes, size: Size) -> NDArray[np.uint8]:
    """Decode an image undistorted, no smaller than a size where it is that large."""
    image = _open(content)
    factor = _factor(image, Fit(*size))
    with DECODING.take(_bytes_for(image, content, factor)):
        return _decode(image, content, factor)


def decode_full(content: bytes) -> NDArray[np.uint8]:
    """Decode an image at its own size; see `decode`."""
    image = _open(content)
    with DECODING.take(_bytes_for(image, content, 1)):
        return _decode(image, content, 1)


class ImageFormat(NamedTuple):
    """What a file is, by its content; Pillow's names."""

    format: str
    mode: str


def check_content(content: bytes) -> tuple[ImageFormat, Size]:
    """Decode an image to know that it can be; return what it is, and its size.

    The size is that of the image turned as EXIF says.

    Raises
    ------
    ImageError
        As `decode` raises it.
    """
    image = _open(content)
    kind = ImageFormat(image.format or "", image.mode)  # loading may change it
    width, height = image.size
    if _orientation(image) in SWAPPED:
        width, height = height, width
    factor = _factor(image, Fit(1, 1))
    with DECODING.take(_bytes_for(image, content, factor)):
        _decode(image, content, factor)
    return kind, (height, width)


def flip(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Flip pixels, shape (h, w, 3), left to right."""
    import cv2

    flipped: NDArray[np.uint8] = cv2.flip(pixels, 1)
    return flipped


@lru_cache(maxsize=1)
def _return_memory() -> None:
    """Have Pillow return the memory of large images to the system.

    It takes memory in blocks of 16 MB. glibc keeps blocks of up to 32 MB for later,
    in each thread anew.
    """
    from PIL import _imaging

    _imaging.set_block_size(PILLOW_BLOCK)


def brightest_of_16_bits(content: bytes) -> int | None:
    """Return the largest value of an image of 16 bits; None for other images.

    That of a colour image is rounded up to its high byte, which is what Pillow reads.

    Raises
    ------
    ImageError
        As `decode` raises it.
    """
    image = _open(content)
    if not _has_16_bits(image, content):
        return None
    is_grey = image.mode.startswith("I;16")
    with DECODING.take(_bytes_for(image, content, 1)):
        try:
            pixels = np.asarray(image if is_grey else image.convert("RGB"))
            highest = int(pixels.max())
            return highest if is_grey else highest << 8 | 0xFF
        except Exception as error:  # Pillow's plug-ins raise anything on garbage.
            raise _failure(error) from error
        finally:
            image.close()


def _has_16_bits(image: "Image", content: bytes) -> bool:
    """Return whether a file has 16 bits per colour, as far as its header tells."""
    if image.format == "PNG":
        return content[PNG_BIT_DEPTH] == 16
    if image.format == "TIFF":
        return 16 in getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, ())
    return image.mode.startswith("I;16")


def _set_up_pillow() -> None:
    """Silence Pillow's warnings about metadata; what matters raises."""
    _return_memory()
    # `catch_warnings` isn't safe in threads; this is, and is done once.
    if PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _open(content: bytes) -> "Image":
    """Read the header, and refuse what can't be decoded or would take too much."""
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise ImageError("empty file; download it again")
    _set_up_pillow()
    try:
        image = Image.open(io.BytesIO(content), formats=allowed_formats())
    except UnidentifiedImageError:
        raise ImageError(unknown_format(content)) from None
    except Image.DecompressionBombError as error:
        count = re.search(r"\d+", str(error))
        assert count is not None
        raise ImageError(f"{count[0]} pixels, {TOO_MANY}") from None
    except Exception as error:  # Pillow's plug-ins raise anything on garbage.
        raise _failure(error) from error
    if image.mode in {"I", "F"}:  # Pillow would cut them off at 255.
        raise ImageError("32-bit pixels; convert it to 8 bits per colour")
    _check_size(image, content)
    return image


def _check_size(image: "Image", content: bytes) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width}×{height} pixels, {TOO_MANY}")
    size = _bytes_for(image, content, FACTORS[0])
    if size > MAX_BYTES:
        raise ImageError(
            f"{width}×{height} pixels of {image.format} take {size / 1e9:.1f} GB to"
            f" decode, over the bound of {MAX_BYTES / 1e9:.1f}; make it smaller"
        )


def _factor(image: "Image", fit: Fit) -> int:
    """Return by how much it can be made smaller and still be as large as wanted."""
    width, height = image.size
    if _orientation(image) in SWAPPED:
        width, height = height, width
    for factor in FACTORS:
        if is_enough((height // factor, width // factor), fit):
            return factor
    return 1


def _bytes_for(image: "Image", content: bytes, factor: int) -> int:
    """Return about how many bytes it takes to decode an image, at most."""
    width, height = image.size
    each: float = BYTES.get(image.format or "", PLAIN)
    if image.format in JPEGS:
        each = PLAIN / factor**2 + PROGRESSIVE * ("progressive" in image.info)
    elif comes_in_strips(image, content):
        each = 0
    return int(width * height * (each + 3 / factor**2))


def _decode(
    image: "Image", content: bytes, factor: int, *, stretch: bool = False
) -> NDArray[np.uint8]:
    """Return the pixels at 1 / factor of the size, rounded up, turned as EXIF says."""
    orientation = _orientation(image)
    pixels = None
    if _is_fast(image) and not comes_in_strips(image, content):
        pixels = _decode_fast(content, image, factor)
    if pixels is None:
        try:
            pixels = _decode_any(image, content, factor, stretch=stretch)
        finally:
            image.close()  # at once: the next may be waiting for this memory
    return _turn(pixels, orientation)


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

    What libjpeg prints within OpenCV stays: it goes past Python, and only
    turning off stderr for the whole process, all threads, would silence it.
    """
    import cv2

    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _decode_fast(
    content: bytes, image: "Image", factor: int
) -> NDArray[np.uint8] | None:
    """Return RGB pixels as they lie in the file, or None where OpenCV refuses."""
    import cv2

    _silence_opencv()
    flags = cv2.IMREAD_COLOR_RGB
    if image.format in JPEGS and factor > 1:
        # The bit that says by how much; "grayscale" is only in its name.
        flags |= getattr(cv2, f"IMREAD_REDUCED_GRAYSCALE_{factor}")
        factor = 1
    content = without_metadata(content) if image.format == "PNG" else content
    try:
        pixels: NDArray[np.uint8] | None = cv2.imdecode(
            np.frombuffer(content, dtype=np.uint8),
            flags | cv2.IMREAD_IGNORE_ORIENTATION,
        )
    except cv2.error:
        return None
    if pixels is None or factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    return _shrink(_array_strips(pixels), (width, height), factor)


def _decode_any(
    image: "Image", content: bytes, factor: int, *, stretch: bool = False
) -> NDArray[np.uint8]:
    """Return RGB pixels as they lie in the file; Pillow turns TIFFs by itself."""
    width, height = image.size
    try:
        if comes_in_strips(image, content):
            return _shrink(png_strips(content), image.size, factor)
        if image.format in JPEGS and factor > 1:
            drafted = image.draft(None, (width // factor, height // factor))
            factor = factor if drafted is None else 1
        image.load()
        return _shrink(_strips(image, stretch=stretch), image.size, factor)
    except Exception as error:  # Pillow's plug-ins raise anything on garbage.
        raise _failure(error) from error


Strips = Callable[[int, int], "Image"]
"""Returns the pixels from one row to before another: grey, RGB or RGBA."""


def _strips(image: "Image", *, stretch: bool) -> Strips:
    """Return what gives the pixels of a loaded image strip by strip."""
    if image.mode.startswith("I;16"):
        # 16-bit grey: the high byte, as the PNG standard scales samples down.
        deep = np.asarray(image)
        return _array_strips(_stretched(deep) if stretch else _high_bytes(deep))
    width, height = image.size

    def strip(top: int, end: int) -> "Image":
        whole = end - top == height
        part = image if whole else image.crop((0, top, width, end))
        return part.convert("RGBA" if part.has_transparency_data else "RGB")

    return strip


def _high_bytes(deep: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return (deep >> 8).astype(np.uint8)


def _stretched(deep: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return 0 for the lowest value, 255 for the highest, and between in proportion."""
    low, high = int(deep.min()), int(deep.max())
    grey = np.arange(2**16, dtype=np.float64) - low
    table = np.clip(np.rint(grey * 255 / max(high - low, 1)), 0, 255)
    found: NDArray[np.uint8] = table.astype(np.uint8)[deep]
    return found


def _array_strips(pixels: NDArray[np.uint8]) -> Strips:
    from PIL import Image

    return lambda top, end: Image.fromarray(pixels[top:end])


def _on_white(image: "Image") -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _shrink(strips: Strips, size: tuple[int, int], factor: int) -> NDArray[np.uint8]:
    """Return the means of blocks of factor x factor pixels on white, fewer at edges.

    Parameters
    ----------
    size : (int, int)
        Width and height.
    """
    width, height = size
    rows = max(STRIP // (width * factor), 1) * factor
    shrunk = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for top in range(0, height, rows):
        end = min(top + rows, height)
        part = strips(top, end)
        part = part.reduce(factor) if factor > 1 else part
        shrunk[top // factor : -(-end // factor)] = _on_white(part)
    return shrunk


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
    if orientation in SWAPPED:
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
