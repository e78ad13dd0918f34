"""Settings of a network trained from scratch."""

from typing import Annotated

from pydantic import Field

from featx.networks.table import find_network
from featx.settings import Settings, checked_by


class NetworkSettings(Settings):
    """Which network is trained from scratch, and how it is trained and scored."""

    name: Annotated[str, checked_by(lambda name: find_network(name).name)]
    image_size: Annotated[int, Field(gt=0)] | None = None
    epochs: Annotated[int, Field(ge=1)] = 50
    batch_size: Annotated[int, Field(ge=1)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    augment: bool | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    repeats: Annotated[int, Field(ge=1)] = 1
    seed: int = 0

    @property
    def side(self) -> int:
        """The images' side in pixels; the network's own where none is given."""
        return self.image_size or find_network(self.name).image_size

    @property
    def augmented(self) -> bool:
        """Whether to augment; as its course did where nothing is said."""
        own = find_network(self.name).augment
        return own if self.augment is None else self.augment
