"""Figures inside a page: base64 with a size and a text for who can't see it."""

import base64
import io
import struct
from dataclasses import dataclass, replace

# Figures are drawn at 150 pixels an inch; pages show 105 to the inch.
SHOWN = 0.7


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


def picture(png: bytes, alt: str, *, link: str = "") -> Picture:
    """Make a picture for a page of a PNG file's content."""
    # The header chunk: width and height are its first numbers.
    width, height = struct.unpack(">II", png[16:24])
    return Picture(
        "data:image/png;base64," + base64.b64encode(png).decode(),
        alt,
        round(SHOWN * width),
        round(SHOWN * height),
        link,
    )


def photograph(png: bytes, alt: str, *, link: str = "") -> Picture:
    """Make a picture of a figure of photographs: as JPEG it takes a fifth."""
    from PIL import Image

    stream = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(stream, "JPEG", quality=88)
    source = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
    return replace(picture(png, alt, link=link), source=source)
