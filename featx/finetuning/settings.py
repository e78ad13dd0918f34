"""Settings of fine-tuning: which layers of a backbone are trained, and how."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.settings import CliOption, Settings, checked_by
from featx.training.augmentation import Augmentation, find_augmentation

_COURSEWORK = {
    "learning_rate": 1e-4,
    "backbone_rate": 1.0,
    "depth_decay": 1.0,
    "schedule": "plateau",
    "factor": 0.2,
}


PRESETS: dict[str, dict[str, Any]] = {
    "rmsprop-100": {
        **_COURSEWORK,
        "optimizer": "rmsprop",
        "epochs": 100,
        "monitor": "loss",
        "patience": 10,
        "plateau_patience": 5,
        "least_rate": 1e-6,
    },
    "adam-10": {
        **_COURSEWORK,
        "optimizer": "adam",
        "epochs": 10,
        "monitor": "accuracy",
        "patience": 5,
        "plateau_patience": 3,
        "least_rate": 1e-7,
    },
}
"""How the courseworks fine-tuned: one rate for all, a fifth of it on a plateau."""


Preset = Literal["rmsprop-100", "adam-10"]


class FinetuneSettings(Settings):
    """Which layers of a backbone to fine-tune together with a head, and how."""

    # Replaced by its settings, so that it need not be written.
    preset: Annotated[
        Preset | None,
        Field(
            exclude=True,
            description="Settings of one of the courseworks; other options override"
            " them.",
        ),
    ] = None
    unfreeze: Annotated[
        str,
        Field(
            description="Layers of the backbone to train: a block or layer and all"
            " after it (mixed9, conv5, block_16, block5), or the last N% of the"
            " layers; of several backbones, in those that have it."
        ),
        CliOption(metavar="none|all|BLOCK|N%"),
    ] = "20%"
    epochs: Annotated[
        int, Field(ge=1, description="Largest number of passes over the images.")
    ] = 10
    warmup_epochs: Annotated[
        int | None,
        Field(ge=0, description="Epochs before these that train the head alone."),
        CliOption(none_means="0; 3 for a distilled head"),
    ] = None
    batch_size: Annotated[int, Field(ge=1, description="Images per training step.")] = (
        32
    )
    optimizer: Annotated[
        Literal["adam", "adamw", "rmsprop", "sgd"],
        Field(description="Optimizer of Keras; sgd has a momentum of 0.9."),
    ] = "adam"
    learning_rate: Annotated[
        float, Field(gt=0, description="Learning rate of the head.")
    ] = 1e-4
    backbone_rate: Annotated[
        float,
        Field(
            gt=0,
            description="Learning rate of the backbone's last layers, as a multiple"
            " of the head's.",
        ),
    ] = 0.3
    depth_decay: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Learning rate of the first trained layer, as a multiple of"
            " that of the last.",
        ),
    ] = 0.3
    weight_decay: Annotated[
        float | None,
        Field(ge=0, description="Decoupled weight decay."),
        CliOption(none_means="0; 0.004 for adamw"),
    ] = None
    schedule: Annotated[
        Literal["constant", "cosine", "plateau"],
        Field(description="How the learning rate falls."),
    ] = "cosine"
    factor: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="With the plateau schedule, multiply the rate by this.",
        ),
    ] = 0.2
    plateau_patience: Annotated[
        int,
        Field(
            ge=1,
            description="With the plateau schedule, after this many epochs without"
            " progress.",
        ),
    ] = 3
    least_rate: Annotated[
        float, Field(ge=0, description="With the plateau schedule, the smallest rate.")
    ] = 1e-7
    monitor: Annotated[
        Literal["loss", "accuracy"],
        Field(description="What is to improve on the validation images."),
    ] = "loss"
    patience: Annotated[
        int,
        Field(ge=1, description="Stop after this many epochs without progress."),
    ] = 5
    min_delta: Annotated[
        float, Field(ge=0, description="Smallest change that counts as progress.")
    ] = 0.0
    label_smoothing: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Share of each label that is spread over all classes.",
        ),
    ] = 0.0
    class_weight: Annotated[
        Literal["balanced"] | None,
        Field(description="balanced: rare classes count as much as frequent ones."),
    ] = None
    augment: Annotated[
        str,
        checked_by(lambda text: find_augmentation(text).name),
        Field(
            description="Change training images at random, anew in each epoch; a preset"
            " or words such as light,rotation20,mixup, listed below."
        ),
        CliOption(metavar="none|light|medium|strong|WORDS"),
    ] = "none"
    copies: Annotated[
        int,
        Field(
            ge=0,
            description="Make this many augmented copies of each image once, and cache"
            " what the frozen layers compute from them; 0: augment anew in each"
            " epoch.",
        ),
    ] = 0
    cached: Annotated[
        bool,
        Field(
            description="Compute the outputs of the frozen layers once, where nothing"
            " before them is random."
        ),
    ] = True
    mixed_precision: Annotated[
        bool, Field(description="Train the backbone in bfloat16.")
    ] = False
    validation: Annotated[
        float,
        Field(
            gt=0,
            le=0.5,
            description="Share of the training images held out to choose the number of"
            " epochs.",
        ),
    ] = 0.2
    tensorboard: Annotated[
        bool,
        Field(description="Write logs for TensorBoard to OUT_DIR/tensorboard/."),
    ] = False
    seed: Annotated[
        int, Field(description="Seed of the validation split and the training.")
    ] = 0

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        """Replace a preset by its settings, where no others are given."""
        if not isinstance(given, dict) or given.get("preset") not in PRESETS:
            return given
        return {**PRESETS[given["preset"]], **given, "preset": None}

    @property
    def augmentation(self) -> Augmentation:
        """What is done to training images."""
        return find_augmentation(self.augment)

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
