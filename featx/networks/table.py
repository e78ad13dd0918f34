"""The table of networks: a new one needs a row here and a module of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from featx.errors import NetworkError, nearest


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """All that featx knows about a network without importing a framework.

    Attributes
    ----------
    name : str
        As on the command line.
    builder : str
        Module in `featx.networks`, and the function there that adds its layers: from
        Keras and normalised images to features, shape (N, d), for the classifier.
    image_size : int
        Default side of the images in pixels.
    least_size : int
        Smallest side for which pooling leaves anything.
    augment : bool
        Whether training images are rotated, shifted and flipped by default.
    summary : str
        One line for the help.
    """

    name: str
    builder: str
    image_size: int
    least_size: int
    augment: bool
    summary: str


_ROWS = (
    NetworkRow(
        "basenet",
        "basenet:basenet",
        image_size=32,
        least_size=16,
        augment=False,
        summary="two convolutions of 5x5, each pooled, and a dense layer",
    ),
    NetworkRow(
        "basenet++",
        "basenet:basenet_plus_plus",
        image_size=32,
        least_size=14,
        augment=True,
        summary="three wide convolutions, batch norm, dropout",
    ),
    NetworkRow(
        "cnn",
        "cnn:cnn",
        image_size=64,
        least_size=4,
        augment=True,
        summary="two blocks of 5x5 and 3x3, batch norm, dropout of 0.5",
    ),
    NetworkRow(
        "residual",
        "residual:residual",
        image_size=160,
        least_size=64,
        augment=True,
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
