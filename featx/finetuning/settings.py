"""Settings of fine-tuning: which layers of a backbone are trained, and how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.settings import CliOption, Settings, checked_by
from featx.training.augmentation import AUGMENTATIONS, Augmentation, find_augmentation

_COURSEWORK = {"backbone_rate": 1.0, "depth_decay": 1.0, "schedule": "plateau"}

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


Preset = Literal["rmsprop-100", "adam-10"]


class FinetuneSettings(Settings):
    """Which layers of a backbone to fine-tune together with a head, and how."""

    # Replaced by its settings, so it is not written to recipes.
    preset: Annotated[Preset | None, Field(exclude=True)] = None
    """Name of several settings that belong together: rmsprop-100 trains long with
    RMSprop, adam-10 briefly with Adam; settings given besides override them."""

    unfreeze: Annotated[str, CliOption(metavar="none|all|BLOCK|N%")] = "20%"
    """Layers of the backbone to train: a block or layer and all after it (mixed9,
    conv5, block_16, block5), or the last N% of the layers; of several backbones, in
    those that have it."""

    epochs: Annotated[int, Field(ge=1)] = 10
    """Largest number of passes over the images."""

    warmup_epochs: Annotated[
        int | None, Field(ge=0), CliOption(none_means="0, or 3 for a distilled head")
    ] = None
    """Epochs before these that train the head alone."""

    batch_size: Annotated[int, Field(ge=1)] = 32
    """Images per training step."""

    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    """Optimizer of Keras; sgd has a momentum of 0.9."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Learning rate of the head."""

    backbone_rate: Annotated[float, Field(gt=0)] = 0.3
    """Learning rate of the backbone's last layers, as a multiple of the head's."""

    depth_decay: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Learning rate of the first trained layer, as a multiple of that of the last."""

    weight_decay: Annotated[
        float | None, Field(ge=0), CliOption(none_means="0, or 0.004 for adamw")
    ] = None
    """Decoupled weight decay."""

    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """How the learning rate falls."""

    factor: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """With the plateau schedule, multiply the rate by this."""

    plateau_patience: Annotated[int, Field(ge=1)] = 3
    """With the plateau schedule, after this many epochs without progress."""

    least_rate: Annotated[float, Field(ge=0)] = 1e-7
    """With the plateau schedule, the smallest rate."""

    monitor: Literal["loss", "accuracy"] = "loss"
    """What is to improve on the validation images."""

    patience: Annotated[int, Field(ge=1)] = 5
    """Stop after this many epochs without progress."""

    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """Smallest change that counts as progress."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each label that is spread over all classes."""

    class_weight: Literal["balanced"] | None = None
    """balanced: rare classes count as much as frequent ones."""

    augment: Annotated[
        str,
        checked_by(lambda text: find_augmentation(text).name),
        CliOption(
            metavar="none|light|medium|strong|WORDS", names=lambda: AUGMENTATIONS
        ),
    ] = "none"
    """Change training images at random, differently in each epoch; a preset or words
    such as light,rotation20,mixup, which `featx finetune --help` lists."""

    copies: Annotated[int, Field(ge=0)] = 0
    """Make this many augmented copies of each image once, and cache what the frozen
    layers compute from them; 0: augment again in each epoch."""

    cached: bool = True
    """Compute the outputs of the frozen layers once, where nothing before them is
    random."""

    mixed_precision: bool = False
    """Train the backbone in bfloat16."""

    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    """Share of the training images held out to choose the number of epochs."""

    tensorboard: bool = False
    """Write logs for TensorBoard to tensorboard/ in the folder of runs."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the validation split and the training."""

    @classmethod
    def spelled_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in which a preset is replaced by its settings."""
        if values.get("preset") not in PRESETS:
            return dict(values)
        return {**PRESETS[values["preset"]], **values, "preset": None}

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
