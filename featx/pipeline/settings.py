"""What a user may say, validated: of the command line and of recipes alike."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from featx.embeddings import find_backbone
from featx.errors import FeatxError
from featx.heads import HEADS, find_head, parse_hidden
from featx.images import DataLayout
from featx.networks import find_network
from featx.networks.augmentation import Augmentation, find_augmentation

ALL_HEADS = "all"


def _known_backbone(name: str) -> str:
    try:
        return find_backbone(name).name
    except FeatxError as error:
        raise ValueError(str(error)) from None


def _known_head(name: str) -> str:
    try:
        return name if name == ALL_HEADS else find_head(name).name
    except FeatxError as error:
        raise ValueError(str(error)) from None


def _known_layers(text: str | None) -> str | None:
    try:
        if text is not None:
            parse_hidden(text)
    except FeatxError as error:
        raise ValueError(str(error)) from None
    return text


def _known_network(name: str) -> str:
    try:
        return find_network(name).name
    except FeatxError as error:
        raise ValueError(str(error)) from None


def _known_augmentation(text: str) -> str:
    try:
        return find_augmentation(text).name
    except FeatxError as error:
        raise ValueError(str(error)) from None


class Settings(BaseModel):
    """Settings that refuse what they don't know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Settings):
    """Which images, which labels, which test part."""

    path: Path = Path("data")
    labels: Path | None = None
    path_column: str | None = None
    label_column: str | None = None
    train_list: Path | None = None
    test_list: Path | None = None
    test_size: Annotated[float, Field(gt=0, lt=1)] | None = None
    seed: int = 0

    @property
    def layout(self) -> DataLayout:
        """What says how to read the folder."""
        return DataLayout(
            labels=self.labels,
            path_column=self.path_column,
            label_column=self.label_column,
            train_list=self.train_list,
            test_list=self.test_list,
        )


class ExtractSettings(Settings):
    """Which embeddings."""

    backbone: Annotated[str, AfterValidator(_known_backbone)]
    image_size: Annotated[int, Field(gt=0)] | None = None
    pooling: Literal["avg", "max", "none"] = "avg"
    layer: str | None = None
    weights: str = "imagenet"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    flip: bool = False


class HeadSettings(Settings):
    """Which head, and how it is fitted and scored."""

    name: Annotated[str, AfterValidator(_known_head)]
    tune: bool = False
    folds: Annotated[int, Field(ge=2)] = 5
    repeats: Annotated[int, Field(ge=1)] = 1
    class_weight: Literal["balanced"] | None = None
    seed: int = 0
    hidden: Annotated[str | None, AfterValidator(_known_layers)] = None
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _hidden_layers_are_somewhere(self) -> Self:
        if self.hidden and self.name != ALL_HEADS and not HEADS[self.name].hidden:
            having = " and ".join(row.name for row in HEADS.values() if row.hidden)
            raise ValueError(
                f"hidden: head '{self.name}' has no hidden layers; {having} have"
            )
        return self


class NetworkSettings(Settings):
    """Which network is trained from scratch, and how it is trained and scored."""

    name: Annotated[str, AfterValidator(_known_network)]
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
    augment: Annotated[str, AfterValidator(_known_augmentation)] = "none"
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


class CacheSettings(Settings):
    """Where embeddings land and how they are computed."""

    folder: Path = Path("cache")
    batch_size: Annotated[int, Field(gt=0)] | None = None


class ReportSettings(Settings):
    """Where runs and reports land."""

    out_dir: Path = Path("reports")
