"""Settings of stage three: what is trained of a backbone, and how."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.settings import Settings, checked_by
from featx.training.augmentation import Augmentation, find_augmentation

_COURSEWORKS = {
    "learning_rate": 1e-4,
    "backbone_rate": 1.0,
    "depth_decay": 1.0,
    "schedule": "plateau",
    "factor": 0.2,
}


PRESETS: dict[str, dict[str, Any]] = {
    "rmsprop-100": {
        **_COURSEWORKS,
        "optimizer": "rmsprop",
        "epochs": 100,
        "monitor": "loss",
        "patience": 10,
        "plateau_patience": 5,
        "least_rate": 1e-6,
    },
    "adam-10": {
        **_COURSEWORKS,
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
    """What of a backbone is trained on with a run's head, and how."""

    # What it stands for is in the other settings, so that it is not written.
    preset: Annotated[Preset | None, Field(exclude=True)] = None
    unfreeze: str = "20%"
    epochs: Annotated[int, Field(ge=1)] = 10
    warmup_epochs: Annotated[int, Field(ge=0)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    backbone_rate: Annotated[float, Field(gt=0)] = 0.3
    depth_decay: Annotated[float, Field(gt=0, le=1)] = 0.3
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.2
    plateau_patience: Annotated[int, Field(ge=1)] = 3
    least_rate: Annotated[float, Field(ge=0)] = 1e-7
    monitor: Literal["loss", "accuracy"] = "loss"
    patience: Annotated[int, Field(ge=1)] = 5
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weight: Literal["balanced"] | None = None
    augment: Annotated[str, checked_by(lambda text: find_augmentation(text).name)] = (
        "none"
    )
    copies: Annotated[int, Field(ge=0)] = 0
    cached: bool = True
    mixed_precision: bool = False
    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    tensorboard: bool = False
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        """Let a preset say what isn't said."""
        if not isinstance(given, dict):
            return given
        return {**PRESETS.get(str(given.get("preset")), {}), **given}

    @property
    def augmentation(self) -> Augmentation:
        """What is done to training images."""
        return find_augmentation(self.augment)

    @model_validator(mode="after")
    def _copies_can_be_made(self) -> Self:
        """Refuse copies that would be ignored, or that can't be made once for all."""
        if not self.copies:
            return self
        why = None
        if not self.augmentation.changes:
            why = "are of augmented images: say --augment, too"
        elif self.augmentation.mixes:
            why = "are made once, and mixing takes two: add mixup0,cutmix0 to --augment"
        elif not self.cached:
            why = "are kept for all epochs: leave out --no-cached"
        elif self.unfreeze == "all":
            why = "are of what frozen layers make: leave some frozen"
        if why:
            raise ValueError(f"copies: {why}, or --copies 0")
        return self
