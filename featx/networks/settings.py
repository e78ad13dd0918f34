"""Settings of a network trained from scratch."""

from typing import Annotated

from pydantic import Field

from featx.networks.table import find_network
from featx.settings import CliOption, Settings, checked_by


class NetworkSettings(Settings):
    """Which network to train from scratch, and how to train and score it."""

    name: Annotated[
        str,
        checked_by(lambda name: find_network(name).name),
        Field(description="Network to train, one of those listed below."),
        CliOption(name="network", metavar="NAME", repeatable=True),
    ]
    image_size: Annotated[
        int | None,
        Field(ge=1, description="Side in pixels to which images are resized."),
        CliOption(none_means="the network's own"),
    ] = None
    epochs: Annotated[
        int, Field(ge=1, description="Passes over the training images.")
    ] = 50
    batch_size: Annotated[int, Field(ge=1, description="Images per training step.")] = (
        64
    )
    learning_rate: Annotated[
        float, Field(gt=0, description="Learning rate of Adam.")
    ] = 1e-3
    augment: Annotated[
        bool | None,
        Field(description="Rotate, shift and flip training images at random."),
        CliOption(none_means="augment, but for basenet"),
    ] = None
    folds: Annotated[
        int | None,
        Field(
            ge=2,
            description="Cross-validate in this many folds, each a training of its"
            " own.",
        ),
        CliOption(none_means="hold out a tenth instead"),
    ] = None
    repeats: Annotated[
        int,
        Field(
            ge=1,
            description="Train this many times with different seeds, and report mean"
            " and standard deviation.",
        ),
    ] = 1
    seed: Annotated[int, Field(description="Seed of the training.")] = 0

    @property
    def side(self) -> int:
        """The images' side in pixels; the network's own where none is given."""
        return self.image_size or find_network(self.name).image_size

    @property
    def augmented(self) -> bool:
        """Whether to augment; as its course did where nothing is said."""
        own = find_network(self.name).augment
        return own if self.augment is None else self.augment
