"""The table of networks: a new one needs a row here and a module of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from featx.errors import NetworkError, nearest


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """All that featx knows about a network without importing a framework.

    Attributes
    ----------
    name : str
        As on the command line.
    builder : str
        Module in `featx.networks`, and the function there that adds its convolutions:
        from Keras, normalised images and `batchnorm` to maps, shape (N, h, w, c).
    image_size : int
        Default side of the images in pixels.
    least_size : int
        Smallest side for which pooling leaves anything.
    summary : str
        One line for the help.
    dense : tuple of int
        Units of the dense layers between the maps and the classes.
    dropout : float
        Share of units that dropout turns off after each of them.
    l1, l2 : float
        Penalties on their weights.
    batchnorm : bool
        Whether each convolution is followed by a batch normalisation.
    normalised : bool
        Whether channels are standardised by the training images; otherwise pixels are
        scaled to the range from 0 to 1.
    augment : str
        How training images are changed by default; see `find_augmentation`.
    """

    name: str
    builder: str
    image_size: int
    least_size: int
    summary: str
    dense: tuple[int, ...]
    dropout: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    batchnorm: bool = True
    normalised: bool = True
    augment: str = "coursework"

    @property
    def choices(self) -> dict[str, Any]:
        """What `NetworkSettings` may change, by its names and in its form."""
        return {
            "image_size": self.image_size,
            "dense": ",".join(map(str, self.dense)),
            "dropout": self.dropout,
            "l1": self.l1,
            "l2": self.l2,
            "augment": self.augment,
        }

    def with_parts(self, parts: Sequence[str]) -> "NetworkRow":
        """Return the network with some of `PARTS` added."""
        changes: dict[str, Any] = {}
        for part in parts:
            changes |= PARTS[part]
        return replace(self, **changes)


PARTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "augment": {"augment": "coursework", "normalised": True},
        "depth": {
            "builder": "basenet:deep",
            "least_size": 14,
            "dense": (256, 128, 64),
        },
        "batchnorm": {"batchnorm": True},
        "dropout": {"dropout": 0.25},
    }
)
"""What the course added to BaseNet one after the other: all of them make BaseNet++."""

_BASENET = NetworkRow(
    "basenet",
    "basenet:shallow",
    image_size=32,
    least_size=16,
    dense=(50,),
    batchnorm=False,
    normalised=False,
    augment="none",
    summary="two convolutions of 5x5, each pooled, and a dense layer",
)

_ROWS = (
    _BASENET,
    replace(
        _BASENET.with_parts(tuple(PARTS)),
        name="basenet++",
        summary="three wide convolutions, batch norm, dropout",
    ),
    NetworkRow(
        "cnn",
        "cnn:cnn",
        image_size=64,
        least_size=4,
        dense=(128, 128),
        dropout=0.5,
        summary="two blocks of 5x5 and 3x3, batch norm, dropout of 0.5",
    ),
    NetworkRow(
        "residual",
        "residual:residual",
        image_size=160,
        least_size=64,
        dense=(256, 256),
        l1=1e-5,
        l2=1e-4,
        summary="three residual stages, dense layers with L1 and L2",
    ),
)

NETWORKS: Mapping[str, NetworkRow] = MappingProxyType({row.name: row for row in _ROWS})


def find_network(name: str) -> NetworkRow:
    """Return a network's row.

    Raises
    ------
    NetworkError
        There is no such network.
    """
    try:
        return NETWORKS[name.lower()]
    except KeyError:
        raise NetworkError(
            f"no network '{name}'{nearest(name, NETWORKS)}; `featx train --help` lists"
            " them"
        ) from None


def parse_parts(text: str) -> tuple[str, ...]:
    """Return the parts that a text such as ``depth,batchnorm`` names, in their order.

    Raises
    ------
    NetworkError
        There is no such part.
    """
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in PARTS:
            known = nearest(word, PARTS) or f"; the parts are {', '.join(PARTS)}"
            raise NetworkError(f"no part '{word}'{known}")
    return tuple(part for part in PARTS if part in words)


def check_parts(name: str, parts: str | None) -> None:
    """Refuse parts for a network that they don't belong to.

    Raises
    ------
    ValueError
    """
    if parts and name != _BASENET.name:
        raise ValueError(
            f"`parts`: only {_BASENET.name} takes parts, not {name}; leave them out"
        )


def parse_dense(text: str) -> tuple[int, ...]:
    """Return the units of dense layers, such as 256 and 128 for ``256,128``.

    Raises
    ------
    NetworkError
        A word is no number from 1 to 65536.
    """
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if not word.isdecimal() or not 1 <= int(word) <= 65536:
            raise NetworkError(
                f"dense layers '{text}': '{word}' is no number of units from 1 to"
                " 65536, such as 256,128"
            )
    return tuple(map(int, words))
