"""Which values of a head's parameters `--tune` tries."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Between:
    """A range of numbers.

    Attributes
    ----------
    low, high : float
        Both are in it.
    log : bool
        Whether factors count, not differences: from 0.1 to 1 is as far as from 1 to 10.
    """

    low: float
    high: float
    log: bool = True


Space = Mapping[str, Between | Sequence[Any]]
"""By parameter, the range or the values from which one is taken."""


def plain(space: Space) -> dict[str, Any]:
    """Return a space for JSON: a list of values, or a range as a dictionary."""
    return {
        name: asdict(values) if isinstance(values, Between) else list(values)
        for name, values in space.items()
    }
