"""Which formats are read, which are known but can't be, by suffix and by content."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import PurePath

PILLOW = (
    *("JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "AVIF"),
    *("JPEG2000", "TGA"),
)
"""All that Pillow may try. Others start programs (EPS) or are rarely photographs."""

SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".tga"),
}

HEIF = {".heic", ".heif", ".hif"}

UNREAD = {
    *(".jxl", ".svg", ".psd", ".eps", ".ai", ".xcf", ".jxr", ".exr", ".hdr"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef"),
    *(".srw", ".dcm", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".wmv"),
    *(".3gp", ".mpeg"),
}
"""Pictures and films that featx can't read."""

INSTALL = 'pip install "featx[heif]" reads HEIC'

MAGIC = {
    b"%!PS": "an EPS drawing; convert it to PNG",
    b"\xc5\xd0\xd3\xc6": "an EPS drawing; convert it to PNG",
    b"8BPS": "a PSD file; convert it to PNG",
    b"\xff\x0a": "a JPEG XL file; convert it to PNG",
    b"\0\0\0\x0cJXL ": "a JPEG XL file; convert it to PNG",
}
"""How files of other formats begin, and what to say of them."""

HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}


@lru_cache(maxsize=1)
def reads_heif() -> bool:
    """Return whether the package of the extra ``heif`` is there."""
    return find_spec("pillow_heif") is not None


@lru_cache(maxsize=1)
def allowed_formats() -> tuple[str, ...]:
    """Return the formats that Pillow may try, by its names."""
    if not reads_heif():
        return PILLOW
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)
    return (*PILLOW, "HEIF")


def unknown_format(content: bytes) -> str:
    """Say what a file is that is of none of the allowed formats, and what to do."""
    for start, words in MAGIC.items():
        if content.startswith(start):
            return words
    if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS and not reads_heif():
        return f"a HEIC image; {INSTALL}, or convert it to JPEG"
    return "not an image, or of an unknown format; download it again or convert it"


def is_image(name: str) -> bool:
    """Return whether a file's name is that of an image, not hidden."""
    suffix = PurePath(name).suffix.lower()
    return not name.startswith(".") and (
        suffix in SUFFIXES or (suffix in HEIF and reads_heif())
    )


def unread_suffix(name: str) -> str:
    """Return the suffix of a picture or film that can't be read; else nothing."""
    suffix = PurePath(name).suffix.lower()
    if name.startswith("."):
        return ""
    return suffix if suffix in UNREAD or suffix in HEIF - _read_here() else ""


def _read_here() -> set[str]:
    return HEIF if reads_heif() else set()
