"""One row per network; adding one touches this table and its own module."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from featx.errors import NetworkError, nearest


@dataclass(frozen=True, slots=True)
class Network:
    """All that featx knows about a network without importing a framework.

    Attributes
    ----------
    name : str
        As on the command line.
    module, builder : str
        What adds its layers: `featx.networks.<module>.<builder>`, called with Keras
        and normalised images, returns features, shape (N, d), before the classifier.
    image_size : int
        Side in pixels where none is given.
    least_size : int
        Under it, pooling leaves nothing.
    augment : bool
        Whether it sees rotated, shifted and mirrored images where nothing is said.
    summary : str
        One line for people.
    """

    name: str
    module: str
    builder: str
    image_size: int
    least_size: int
    augment: bool
    summary: str


_ROWS = (
    Network(
        "basenet",
        "basenet",
        "basenet",
        image_size=32,
        least_size=16,
        augment=False,
        summary="two convolutions of 5x5, each pooled, and a dense layer",
    ),
    Network(
        "basenet++",
        "basenet",
        "basenet_plus_plus",
        image_size=32,
        least_size=14,
        augment=True,
        summary="three wide convolutions, batch norm, dropout",
    ),
    Network(
        "cnn",
        "cnn",
        "cnn",
        image_size=64,
        least_size=4,
        augment=True,
        summary="two blocks of 5x5 and 3x3, batch norm, dropout of a half",
    ),
    Network(
        "residual",
        "residual",
        "residual",
        image_size=160,
        least_size=64,
        augment=True,
        summary="three residual stages, dense layers with L1 and L2",
    ),
)

NETWORKS: Mapping[str, Network] = MappingProxyType({row.name: row for row in _ROWS})


def find_network(name: str) -> Network:
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
            f"no network '{name}'{nearest(name, NETWORKS)} (`featx train --help` names"
            " them)"
        ) from None
