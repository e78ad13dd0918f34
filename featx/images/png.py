"""PNG files without metadata, and large ones in strips.

Pillow holds all pixels of a file at once: 0.7 GB of 13300 x 13300 with transparency.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
LARGE = 2**24
"""Pixels from which on it is worth it."""

TRUNCATED = "image file is truncated"


def without_metadata(content: bytes) -> bytes:
    """Return a PNG file without metadata, which libpng would remark on to stderr."""
    parts, start = [content[: len(SIGNATURE)]], len(SIGNATURE)
    while start + 8 <= len(content):
        size, name = struct.unpack(">I4s", content[start : start + 8])
        end = start + 12 + size
        if name[:1].isupper():  # what decoding needs
            parts.append(content[start:end])
        start = end
    return b"".join(parts)


def comes_in_strips(image: "Image", content: bytes) -> bool:
    """Return whether an opened image is a large PNG that can be read in strips.

    Eight bits a sample, not interlaced, not animated.
    """
    width, height = image.size
    return (
        image.format == "PNG"
        and width * height >= LARGE
        and (content[24], content[28]) == (8, 0)
        and not getattr(image, "is_animated", False)
    )


def png_strips(content: bytes) -> Callable[[int, int], "Image"]:
    """Return what gives the pixels from one row to before another, in order.

    Filters refer to the row above, so Pillow gets a small PNG for each strip, which
    begins with the row before it.

    Raises
    ------
    OSError, zlib.error
        When it is called: the file is damaged.
    """
    chunks = list(_chunks(content))
    header = chunks[0][1]
    width, height, _, colour = struct.unpack(">IIBB", header[:10])
    stride = 1 + width * CHANNELS[colour]
    before = [_chunk(name, data) for name, data in chunks if name in {b"PLTE", b"tRNS"}]
    rows = _Rows(b"".join(data for name, data in chunks if name == b"IDAT"))
    above = b""

    def strip(top: int, end: int) -> "Image":
        from PIL import Image

        nonlocal above
        lead = int(bool(above))
        filtered = above + rows.take((end - top) * stride, last=end == height)
        size = struct.pack(">II", width, end - top + lead)
        parts = [
            *(SIGNATURE, _chunk(b"IHDR", size + header[8:]), *before),
            *(_chunk(b"IDAT", zlib.compress(filtered, 0)), _chunk(b"IEND", b"")),
        ]
        image = Image.open(io.BytesIO(b"".join(parts)), formats=["PNG"])
        image.load()
        above = b"\0" + image.crop((0, image.height - 1, *image.size)).tobytes()
        part = image.crop((0, lead, *image.size))
        return part.convert("RGBA" if part.has_transparency_data else "RGB")

    return strip


class _Rows:
    """The rows of a PNG, still filtered, decompressed as they are asked for."""

    def __init__(self, compressed: bytes) -> None:
        self.stream = zlib.decompressobj()
        self.left = compressed

    def take(self, size: int, *, last: bool) -> bytes:
        """Return the next bytes; after the last ones, the checksum is compared."""
        found = self.stream.decompress(self.left, size)
        self.left = self.stream.unconsumed_tail
        if last and not self.stream.eof:  # the checksum is still to come
            self.stream.decompress(self.left, 1)
        if len(found) < size or (last and not self.stream.eof):
            raise OSError(TRUNCATED)
        return found


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of each chunk."""
    start = len(SIGNATURE)
    while start + 8 <= len(content):
        size, name = struct.unpack(">I4s", content[start : start + 8])
        yield name, content[start + 8 : start + 8 + size]
        start += 12 + size


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)
