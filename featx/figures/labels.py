"""Names as labels in figures: any length, any script, never read as mathematics."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

BASE_FAMILY = "DejaVu Sans"  # comes with matplotlib

# Tried in this order for characters that the base family lacks, where installed.
FALLBACK_FAMILIES = (
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Arial Unicode MS",
    "FreeSans",
)


@dataclass(frozen=True)
class Labels:
    """Texts that can be drawn, and how to draw them.

    Attributes
    ----------
    texts : list of str
        One per name; shortened in the middle where too long.
    style : dict
        Keyword arguments for every matplotlib text that shows one of them.
    """

    texts: list[str]
    style: dict[str, Any]


def class_labels(names: Sequence[str], *, limit: int = 28) -> Labels:
    """Make labels of class names.

    A name with a character that no installed font has becomes its number in the
    table of classes, ``class 7``.

    Parameters
    ----------
    names : sequence of str
        All classes, in class order.
    limit : int
        Greatest width, in Latin letters.
    """
    known, style = _fonts(names)
    texts = [
        shorten(_clean(name), limit)
        if all(ord(c) in known for c in _clean(name))
        else f"class {number}"
        for number, name in enumerate(names, start=1)
    ]
    return Labels(texts, style)


def lacking_glyphs(names: Sequence[str]) -> bool:
    """Return whether some name can't be drawn with the fonts installed."""
    known, _ = _fonts(names)
    return any(ord(c) not in known for name in names for c in _clean(name))


def text_label(text: str, *, limit: int = 90) -> Labels:
    """Make a label of one text; a character without a font becomes a box."""
    known, style = _fonts([text])
    drawable = "".join(c if ord(c) in known else "\u25a1" for c in _clean(text))
    return Labels([shorten(drawable, limit)], style)


def shorten(text: str, limit: int) -> str:
    """Cut the middle out of `text`: class names often differ at their ends.

    Parameters
    ----------
    limit : int
        Greatest width; Chinese, Japanese and Korean characters count two.
    """
    if width(text) <= limit:
        return text
    head, tail = text, ""
    while width(head) > (2 * limit) // 3:
        head = head[:-1]
    for character in reversed(text):
        if width(head) + width(character + tail) + 1 > limit:
            break
        tail = character + tail
    return f"{head}…{tail}"


def width(text: str) -> int:
    """Return the width in Latin letters."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _clean(text: str) -> str:
    """Leave out invisible marks, turn line breaks and control characters to spaces."""
    blank = ("Cc", "Cs", "Zl", "Zp", "Zs")
    return "".join(
        " " if unicodedata.category(c) in blank else c
        for c in text
        if unicodedata.category(c) != "Cf"
    )


def _fonts(texts: Sequence[str]) -> tuple[set[int], dict[str, Any]]:
    """Choose the font families that together draw the most of `texts`.

    Returns
    -------
    known : set of int
        Code points that they draw.
    style : dict
        Of the matplotlib texts.
    """
    chosen, known = [BASE_FAMILY], set(_charmap(BASE_FAMILY))
    wanted = {ord(c) for text in texts for c in _clean(text)}
    for family in FALLBACK_FAMILIES:
        if (wanted - known) & _charmap(family):
            chosen.append(family)
            known |= _charmap(family)
    return known, {"fontfamily": chosen, "parse_math": False, "usetex": False}


@lru_cache(maxsize=64)
def _charmap(family: str) -> frozenset[int]:
    """Return the code points that a font family draws, none if not installed."""
    from matplotlib import font_manager

    for entry in font_manager.fontManager.ttflist:
        if entry.name == family and entry.style == "normal":
            return frozenset(font_manager.get_font(entry.fname).get_charmap())
    return frozenset()
