"""Settings of a training by epochs, of networks from scratch and fine-tuning alike.

Each setting is a type that holds its bounds and its description; the settings classes
say what it is called and its default.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from featx.settings import CliOption, Settings, checked_by
from featx.training.augmentation import AUGMENTATIONS, find_augmentation

OF_PLATEAUS = ("factor", "plateau_patience")
"""Settings of the plateau schedule alone."""

IGNORED_BY = {
    "constant": (*OF_PLATEAUS, "least_rate"),
    "cosine": OF_PLATEAUS,
    "plateau": (),
}
"""Settings of the learning rate that have no effect with a schedule."""

Epochs = Annotated[
    int, Field(ge=1, description="Largest number of passes over the images.")
]
BatchSize = Annotated[int, Field(ge=1, description="Images per training step.")]
LearningRate = Annotated[float, Field(gt=0)]
Schedule = Literal["constant", "cosine", "plateau"]
Patience = Annotated[
    int, Field(ge=1, description="Stop after this many epochs without progress.")
]


HELD_OUT = Field(gt=0, le=0.5)
"""Bounds of a share of the training images."""


def known_augmentation(text: str) -> str:
    """Return the name of an augmentation; see `find_augmentation`."""
    return find_augmentation(text).name


AUGMENT = CliOption(
    metavar="none|light|medium|strong|coursework|WORDS", names=lambda: AUGMENTATIONS
)
AUGMENT_TEXT = (
    "Change training images at random, differently in each epoch; a preset or words"
    " such as light,rotation20,mixup, which `featx finetune --help` lists."
)
Augment = Annotated[
    str, Field(description=AUGMENT_TEXT), checked_by(known_augmentation), AUGMENT
]


class TrainingSettings(Settings):
    """How to train by epochs, when to stop, and which epoch to keep."""

    epochs: Epochs = 10

    batch_size: BatchSize = 32

    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    """Optimizer of Keras; sgd has a momentum of 0.9."""

    learning_rate: LearningRate
    """Learning rate."""

    weight_decay: Annotated[
        float | None, Field(ge=0), CliOption(none_means="0, or 0.004 for adamw")
    ] = None
    """Decoupled weight decay."""

    schedule: Annotated[Schedule, Field(description="How the learning rate falls.")] = (
        "cosine"
    )

    factor: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """With the plateau schedule, multiply the rate by this."""

    plateau_patience: Annotated[int, Field(ge=1)] = 3
    """With the plateau schedule, after this many epochs without progress."""

    least_rate: Annotated[float, Field(ge=0)] = 1e-7
    """With the cosine and the plateau schedule, the smallest rate."""

    monitor: Literal["loss", "accuracy"] = "loss"
    """What is to improve on the validation images."""

    patience: Patience = 5

    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """Smallest change that counts as progress."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each label that is spread over all classes."""

    class_weight: Literal["balanced"] | None = None
    """balanced: rare classes count as much as frequent ones."""

    mixed_precision: bool = False
    """Train in bfloat16; the model that is kept computes in float32."""

    repeats: Annotated[int, Field(ge=1)] = 1
    """Train this many times with different seeds, and report mean and standard
    deviation."""

    tensorboard: bool = False
    """Write logs for TensorBoard to tensorboard/ in the folder of runs."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the validation split and the training."""

    @model_validator(mode="after")
    def _schedule_has_its_settings(self) -> Self:
        """Refuse settings of a schedule where another would ignore them."""
        for name in self._changed(IGNORED_BY[self.schedule]):
            users = [one for one in IGNORED_BY if name not in IGNORED_BY[one]]
            raise ValueError(
                f"`{name}` is of the {' or '.join(users)} schedule, and the `schedule`"
                f" is {self.schedule}; set it to {' or '.join(users)} or leave"
                f" `{name}` out"
            )
        return self

    def _changed(self, names: Iterable[str]) -> list[str]:
        """Return which of some settings are not the default."""
        fields = type(self).model_fields
        return [name for name in names if getattr(self, name) != fields[name].default]
