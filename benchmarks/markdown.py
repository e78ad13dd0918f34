"""Tables as Markdown."""

from collections.abc import Sequence

NEITHER = "–"
"""What stands where nothing was measured."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def rate(value: float) -> str:
    """Return a rate with three digits or more."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
