"""Settings of a network trained from scratch."""

from typing import Annotated

from pydantic import Field

from featx.images.resizing import MAX_SIZE, SQUASH, Resize
from featx.images.sources import View
from featx.networks.table import NETWORKS, find_network
from featx.settings import CliOption, Settings, checked_by


class NetworkSettings(Settings):
    """Which network to train from scratch, and how to train and score it."""

    name: Annotated[
        str,
        checked_by(lambda name: find_network(name).name),
        CliOption(
            name="network", metavar="NAME", repeatable=True, names=lambda: NETWORKS
        ),
    ]
    """Network to train; `featx train --help` lists them."""

    image_size: Annotated[
        int | None,
        Field(ge=1, le=MAX_SIZE),
        CliOption(none_means="the network's own"),
    ] = None
    """Side in pixels to which images are resized."""

    resize: Resize = SQUASH
    """How images become squares: squash ignores the aspect ratio, crop takes the
    centre, pad keeps the whole image and fills up the rest."""

    epochs: Annotated[int, Field(ge=1)] = 50
    """Passes over the training images."""

    batch_size: Annotated[int, Field(ge=1)] = 64
    """Images per training step."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of Adam."""

    augment: Annotated[bool | None, CliOption(none_means="on, but off for basenet")] = (
        None
    )
    """Rotate, shift and flip training images at random."""

    folds: Annotated[
        int | None, Field(ge=2), CliOption(none_means="hold out a tenth instead")
    ] = None
    """Cross-validate in this many folds, each a training of its own."""

    repeats: Annotated[int, Field(ge=1)] = 1
    """Train this many times with different seeds, and report mean and standard
    deviation."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the training."""

    @property
    def side(self) -> int:
        """The images' side in pixels; the network's own where none is given."""
        return self.image_size or find_network(self.name).image_size

    @property
    def view(self) -> View:
        """How images are shown to the network."""
        return View(self.side, resize=self.resize)

    @property
    def augmented(self) -> bool:
        """Whether to augment; as its course did where nothing is said."""
        own = find_network(self.name).augment
        return own if self.augment is None else self.augment
