"""Pictures in a page: base64, with their size and a text that says what they show."""

import base64
import io
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from featx.addresses import Address
from featx.errors import ImageError
from featx.images.decoding import decode_above, decode_full
from featx.images.digests import read_file

if TYPE_CHECKING:
    from PIL import Image

# Figures are drawn at 150 pixels an inch; pages show 105 to the inch.
SHOWN = 0.7
THUMBNAIL = 160  # pixels


@dataclass(frozen=True)
class Picture:
    """A figure in a page.

    Attributes
    ----------
    source : str
        The PNG or JPEG as a data URI.
    alt : str
        What it shows, in words.
    width, height : int
        In CSS pixels; a narrower page shrinks it.
    link : str
        File name of the same figure in full size; empty where there is none.
    """

    source: str
    alt: str
    width: int
    height: int
    link: str = ""


def picture(png: bytes, alt: str, *, link: str = "", photo: bool = False) -> Picture:
    """Make a picture for a page of a PNG file's content.

    Parameters
    ----------
    photo : bool
        Whether the figure shows photographs: as JPEG it takes a fifth.
    """
    from PIL import Image

    pixels = decode_full(png)
    if photo:
        source = _as_jpeg(Image.fromarray(pixels), quality=88)
    else:
        source = "data:image/png;base64," + base64.b64encode(png).decode()
    height, width = (round(SHOWN * side) for side in pixels.shape[:2])
    return Picture(source, alt, width, height, link)


def _as_jpeg(image: "Image.Image", *, quality: int) -> str:
    """Return an image as a data URI."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def thumbnail(root: Address, path: str) -> str:
    """Read an image of the data folder as a small JPEG.

    Returns
    -------
    str
        A ``data:`` URI, at most 160 pixels wide and high. Empty where there is no
        such file in `root`, or it isn't an image.
    """
    from PIL import Image

    relative = PurePath(path)
    if relative.is_absolute() or ".." in relative.parts:
        return ""
    try:
        content = read_file(root / relative.as_posix())
        image = Image.fromarray(decode_above(content, (THUMBNAIL, THUMBNAIL)))
    except (ImageError, OSError, ValueError):
        return ""
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return _as_jpeg(image, quality=82)
