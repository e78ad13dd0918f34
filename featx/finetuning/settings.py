"""Settings of fine-tuning: which layers of a backbone are trained, and how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.settings import CliOption
from featx.training.augmentation import Augmentation, find_augmentation
from featx.training.settings import (
    HELD_OUT,
    IGNORED_BY,
    OF_PLATEAUS,
    Augment,
    Epochs,
    LearningRate,
    TrainingSettings,
)

_COURSEWORK = {
    "choose": "epoch",
    "learning_rate": 1e-4,
    "depth_decay": 1.0,
    "schedule": "plateau",
    "augment": "none",
    "epochs": 10,
}

PRESETS: dict[str, dict[str, Any]] = {
    "rmsprop-100": {
        **_COURSEWORK,
        "optimizer": "rmsprop",
        "epochs": 100,
        "patience": 10,
        "plateau_patience": 5,
        "least_rate": 1e-6,
    },
    "adam-10": {**_COURSEWORK, "monitor": "accuracy"},
}
"""How the courseworks fine-tuned: one rate for all, a fifth of it on a plateau. What
they did as the defaults say is not repeated here."""


OF_EPOCHS = ("monitor", "patience", "min_delta")
"""Settings of the choice of an epoch alone."""

_FOR_EPOCHS = (
    "chooses an epoch, but `choose` is average, for which all are trained; set `choose`"
    " to epoch as well"
)

AUGMENT_TEXT = (
    "Change copies of the training images at random; a preset or words such as"
    " light,rotation20, which are listed below."
)

COPIES, MOST_COPIES = 4, 8000
"""Augmented copies of each image, and of all together: one of each at least. More take
long to compute, and many images need them less."""

Preset = Literal["rmsprop-100", "adam-10"]


def usual_copies(augment: str, images: int, *, cached: bool, unfreeze: str) -> int:
    """Return how many augmented copies of each image are made by default."""
    augmentation = find_augmentation(augment)
    fresh = augmentation.mixes or not cached or unfreeze == "all"
    if fresh or not augmentation.changes:
        return 0
    return max(1, min(COPIES, MOST_COPIES // images))


class FinetuneSettings(TrainingSettings):
    """Which layers of a backbone to fine-tune together with a head, and how."""

    # Replaced by its settings, so it is not written to recipes.
    preset: Annotated[Preset | None, Field(exclude=True)] = None
    """Name of several settings that belong together: rmsprop-100 trains long with
    RMSprop, adam-10 briefly with Adam; settings given besides override them."""

    unfreeze: Annotated[str, CliOption(metavar="none|all|BLOCK|N%")] = "20%"
    """Layers of the backbone to train: a block or layer and all after it (mixed9,
    conv5, block_16, block5), or the last N% of the layers; of several backbones, in
    those that have it."""

    warmup_epochs: Annotated[
        int | None, Field(ge=0), CliOption(none_means="0, or 3 for a distilled head")
    ] = None
    """Epochs before the others that train the head alone."""

    choose: Literal["average", "epoch"] = "average"
    """What the held-out images choose: average, how the weights before and after all
    epochs are averaged; epoch, after which epoch training ends."""

    validation: Annotated[
        float | None,
        HELD_OUT,
        CliOption(none_means="each third in turn, or a fifth of many images"),
    ] = None
    """Share of the training images that is held out, once, to choose."""

    learning_rate: LearningRate = 3e-4
    """Learning rate of the head."""

    backbone_rate: Annotated[float, Field(gt=0)] = 1.0
    """Learning rate of the backbone's last layers, as a multiple of the head's."""

    depth_decay: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Learning rate of the first trained layer, as a multiple of that of the last."""

    epochs: Epochs = 5

    augment: Annotated[Augment, Field(description=AUGMENT_TEXT)] = "light"

    copies: Annotated[
        int | None,
        Field(ge=0),
        CliOption(none_means="4, or fewer of many images; 0 where nothing is cached"),
    ] = None
    """Make this many augmented copies of each image once, and cache what the frozen
    layers compute from them; 0: augment again in each epoch."""

    cached: bool = True
    """Compute the outputs of the frozen layers once, where nothing before them is
    random."""

    @classmethod
    def spelled_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in which a preset is replaced by its settings."""
        if values.get("preset") not in PRESETS:
            return dict(values)
        preset = PRESETS[values["preset"]]
        ignored = IGNORED_BY.get(values.get("schedule", "plateau"), ())
        if values.get("choose", "epoch") != "epoch":
            # The average has no plateaus to watch either.
            ignored = (*ignored, *OF_PLATEAUS, *OF_EPOCHS, "schedule")
        preset = {key: preset[key] for key in preset if key not in ignored}
        return {**preset, **values, "preset": None}

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        """Replace a preset by its settings, where no others are given."""
        return cls.spelled_out(given) if isinstance(given, dict) else given

    @property
    def augmentation(self) -> Augmentation:
        """What is done to training images."""
        return find_augmentation(self.augment)

    @model_validator(mode="after")
    def _epochs_are_chosen(self) -> Self:
        """Refuse what chooses an epoch where the average is chosen instead."""
        if self.choose == "average":
            for name in self._changed(OF_EPOCHS):
                raise ValueError(f"`{name}` {_FOR_EPOCHS}")
            if self.schedule == "plateau":
                raise ValueError(f"the plateau `schedule` {_FOR_EPOCHS}")
        return self

    @model_validator(mode="after")
    def _copies_can_be_made(self) -> Self:
        """Refuse copies that would be ignored or can't be made in advance."""
        if not self.copies:
            return self
        why = None
        if not self.augmentation.changes:
            why = "needs augmented images; set `augment` as well"
        elif self.augmentation.mixes:
            why = (
                "makes each copy once, but mixing needs two images each time; add"
                " mixup0,cutmix0 to `augment`"
            )
        elif not self.cached:
            why = "keeps the copies' frozen outputs; leave `cached` on"
        elif self.unfreeze == "all":
            why = "keeps the copies' frozen outputs; freeze some layers by `unfreeze`"
        if why:
            raise ValueError(f"`copies` {why}, or set `copies` to 0")
        return self
