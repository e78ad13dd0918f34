"""Settings of a network trained from scratch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.images.resizing import MAX_SIZE, SQUASH, Resize
from featx.images.sources import View
from featx.networks.table import (
    NETWORKS,
    PARTS,
    NetworkRow,
    check_parts,
    find_network,
    parse_dense,
    parse_parts,
)
from featx.settings import CliOption, checked_by
from featx.training.augmentation import Augmentation, find_augmentation
from featx.training.log import CURVES
from featx.training.settings import (
    AUGMENT,
    AUGMENT_TEXT,
    HELD_OUT,
    BatchSize,
    Epochs,
    LearningRate,
    Patience,
    Schedule,
    TrainingSettings,
    known_augmentation,
)

FOLDS = 5

_BEFORE_0_3 = {True: "coursework", False: "none"}
"""What `augment` was in recipes and runs of 0.2 and before."""


class NetworkSettings(TrainingSettings):
    """Which network to train from scratch, and how to train and score it."""

    name: Annotated[
        str,
        checked_by(lambda name: find_network(name).name),
        CliOption(
            name="network", metavar="NAME", repeatable=True, names=lambda: NETWORKS
        ),
    ]
    """Network to train; `featx train --help` lists them."""

    parts: Annotated[
        str | None,
        checked_by(lambda text: text and ",".join(parse_parts(text))),
        CliOption(
            name="with",
            metavar="PART,...",
            none_means="basenet as it was",
            names=lambda: PARTS,
        ),
    ] = None
    """Parts of basenet++ to add to basenet, any of augment, depth, batchnorm and
    dropout."""

    image_size: Annotated[
        int | None,
        Field(ge=1, le=MAX_SIZE),
        CliOption(none_means="the network's own"),
    ] = None
    """Side in pixels to which images are resized."""

    resize: Resize = SQUASH
    """How images become squares: squash ignores the aspect ratio, crop takes the
    centre, pad keeps the whole image and fills up the rest."""

    dense: Annotated[
        str | None,
        checked_by(lambda text: text and ",".join(map(str, parse_dense(text)))),
        CliOption(metavar="UNITS,...", none_means="the network's own"),
    ] = None
    """Units of the dense layers before the classes, such as 256,128."""

    dropout: Annotated[
        float | None, Field(ge=0, lt=1), CliOption(none_means="the network's own")
    ] = None
    """Share of the units that dropout turns off after each dense layer."""

    l1: Annotated[
        float | None, Field(ge=0), CliOption(none_means="the network's own")
    ] = None
    """L1 penalty on the weights of the dense layers."""

    l2: Annotated[
        float | None, Field(ge=0), CliOption(none_means="the network's own")
    ] = None
    """L2 penalty on the weights of the dense layers."""

    epochs: Epochs = 50

    batch_size: BatchSize = 64

    learning_rate: LearningRate = 1e-3
    """Learning rate."""

    schedule: Schedule = "constant"
    """How the learning rate falls."""

    patience: Patience = 10

    augment: Annotated[
        str | None,
        Field(description=AUGMENT_TEXT),
        checked_by(lambda text: text and known_augmentation(text)),
        replace(AUGMENT, none_means="coursework, but none for basenet"),
    ] = None

    validation: Annotated[float, HELD_OUT] = 0.1
    """Share of the training images held out to choose the epoch and the temperature."""

    pretrain: Annotated[
        Literal["autoencoder"] | None, CliOption(none_means="random weights")
    ] = None
    """Where the convolutions start: autoencoder first trains them to reconstruct the
    training images, without labels."""

    pretrain_epochs: Annotated[int, Field(ge=1)] = 10
    """With --pretrain, the largest number of passes over the images for that."""

    # Replaced by `folds`, so it is not written to recipes.
    cross_validate: Annotated[bool, Field(exclude=True)] = False
    """Cross-validate, in 5 folds if --folds says no other number."""

    folds: Annotated[
        int | None, Field(ge=2), CliOption(none_means="no cross-validation")
    ] = None
    """Cross-validate in this many folds, each a training of its own."""

    @classmethod
    def spelled_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in which cross-validating is replaced by its folds."""
        if values.get("cross_validate") is not True:
            return dict(values)
        folds = values.get("folds")
        return {
            **values,
            "cross_validate": False,
            "folds": FOLDS if folds is None else folds,
        }

    @model_validator(mode="before")
    @classmethod
    def _with_folds(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        augment = given.get("augment")
        if isinstance(augment, bool):
            given = {**given, "augment": _BEFORE_0_3[augment]}
        return cls.spelled_out(given)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_parts(self.name, self.parts)
        return self

    @model_validator(mode="after")
    def _pretraining_is_done(self) -> Self:
        default = type(self).model_fields["pretrain_epochs"].default
        if self.pretrain is None and self.pretrain_epochs != default:
            raise ValueError(
                "`pretrain_epochs` needs a pre-training; set `pretrain` to autoencoder,"
                " or leave it out"
            )
        return self

    @property
    def network(self) -> NetworkRow:
        """The network with what these settings change."""
        row = find_network(self.name).with_parts(parse_parts(self.parts or ""))
        given = {name: getattr(self, name) for name in row.choices}
        if self.dense is not None:
            given["dense"] = parse_dense(self.dense)
        changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        return replace(row, **changes)

    @property
    def pretraining(self) -> "NetworkSettings":
        """How the convolutions are pre-trained: there is no accuracy to watch.

        What counts as progress of a cross-entropy would be too much to ask of an error
        of pixels from 0 to 1.
        """
        return self.model_copy(
            update={"epochs": self.pretrain_epochs, "monitor": "loss", "min_delta": 0.0}
        )

    @property
    def policy(self) -> str:
        """Keras' dtype policy of the training."""
        return "mixed_bfloat16" if self.mixed_precision else "float32"

    @property
    def columns(self) -> tuple[str, ...]:
        """What is kept of each epoch."""
        is_rated = self.schedule != "constant"
        return (*CURVES, "learning_rate") if is_rated else CURVES

    @property
    def view(self) -> View:
        """How images are shown to the network."""
        return View(self.network.image_size, resize=self.resize)

    @property
    def augmentation(self) -> Augmentation:
        """What is done to training images; as in its course where nothing is said."""
        return find_augmentation(self.network.augment)
