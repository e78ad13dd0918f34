"""Images of 16 bits whose values lie in the low bits: decoded, they are black."""

from collections.abc import Sequence
from pathlib import PurePath

from featx.addresses import Address
from featx.errors import ImageError
from featx.images.decoding import brightest_of_16_bits
from featx.images.digests import read_file

SUFFIXES = {".png", ".tif", ".tiff", ".pgm", ".pnm", ".jp2"}

DARK = 4096
"""Twelve bits, as many cameras have: below it, 16-bit values are nearly black."""

HOW = "`featx extract --stretch` spreads grey ones over 8 bits; convert others"

FILES = 64
"""How many files are looked at."""

ENOUGH = 8
"""How many of 16 bits are decoded."""


def dark_notes(root: Address, paths: Sequence[str]) -> list[str]:
    """Return a note if a sample of the 16-bit images uses only the low bits.

    Parameters
    ----------
    root : Path or UPath
    paths : sequence of str
        Relative to it.
    """
    names = [path for path in paths if PurePath(path).suffix.lower() in SUFFIXES]
    found: dict[str, int] = {}
    for path in names[:: max(len(names) // FILES, 1)]:
        try:
            brightest = brightest_of_16_bits(read_file(root / path))
        except (ImageError, OSError):
            continue
        if brightest is not None:
            found[path] = brightest
        if len(found) == ENOUGH:
            break
    if not found or max(found.values()) >= DARK:
        return []
    path = max(found, key=lambda path: found[path])
    what = f"brightest value {found[path]} of 65535, in {path}"
    return [f"16-bit images use only the low bits and are nearly black ({what}); {HOW}"]
