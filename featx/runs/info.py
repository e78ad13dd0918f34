"""The content of `run.json`: from which data a run was made, and how."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from featx.images.resizing import SQUASH, Resize
from featx.runs.record import Record, Text

FORMAT = "featx-run"
VERSION = 1


class Kind(StrEnum):
    """What a run holds."""

    HEAD = "head"
    """A head on the embeddings of frozen backbones."""

    NETWORK = "network"
    """A network that was trained from scratch."""

    FINETUNE = "finetune"
    """A head that was trained on together with its backbones."""


class DataInfo(Record):
    """The data that a run was made of.

    Attributes
    ----------
    name, root : str
        The data folder's name, and its path when the run was made.
    fingerprint : str
        Differs between data sets, and between splits of one.
    layout : str or None
        Where labels and splits came from, in words.
    settings : dict or None
        The fields of `DataSettings`.
    content, labels : str
        Fingerprints of the images, and of images and labels, whatever the split; empty
        in runs of 0.2 and before.
    """

    name: Text
    fingerprint: str
    root: Text = ""
    layout: Text | None = None
    settings: dict[str, Any] | None = None
    content: str = ""
    labels: str = ""


class RunSettings(Record):
    """The settings of a head, a network or a fine-tuning, as they were then.

    Those that pages and rankings use have types here; the others are kept as they are.
    """

    folds: int | None = None
    repeats: int = 1
    seed: int = 0
    augment: Text | bool | None = None
    parts: Text | None = None
    image_size: int | None = None
    resize: Resize = SQUASH
    copies: int | None = None


class LayerInfo(Record):
    """A layer of a network from scratch.

    Attributes
    ----------
    name : str
    shape : list of int or None
        Of its output, without the batch.
    parameters : int
    """

    name: Text
    shape: list[int | None]
    parameters: int


class RunInfo(Record):
    """The content of `run.json`.

    Attributes
    ----------
    kind : Kind
    data : DataInfo
    backbone : str
        Several are joined by ``+``; of a network from scratch its name.
    weights : str
        ``imagenet``, ``random``, a file's name, or ``from scratch``.
    head : str
        The head's name, or ``from scratch``.
    embedding : list of dict
        The specs of the embeddings that the head was fitted on.
    parent : str or None
        The name of the run that fine-tuning started from.
    linear : bool
        Whether it is a head whose scores are an affine map of scaled embeddings; False
        also in runs of 0.2 and before.
    parameters : int or None
        Numbers that a head or a Keras model has learned, of trees bytes; None for heads
        in runs of 0.2 and before.
    trainable_parameters : int or None
        Of a fine-tuned model.
    layers : list of LayerInfo
        Of a network from scratch; empty in runs of 0.2 and before.
    settings : RunSettings
        Of the head, the network or the fine-tuning.
    seed : int or None
    timings : dict of str to float
        Seconds.
    notes : list of str
        What qualifies the scores.
    command : str
        The command that makes the run again, where one command can.
    fingerprint : str
        Differs between runs whose inputs differ.
    model_sha256 : str
        Of the file of the head or model, in hex; empty where an older featx wrote it.
    cv_predictions_sha256 : str
        Of the file of what a cross-validation predicted; empty where there is none.
    familiarity_sha256 : str
        Of the file that tells which images are unlike the training images; empty where
        there is none.
    created : str
        When it was written, in ISO 8601.
    versions : dict of str to str
        Of Python, featx and the libraries.
    """

    format: Literal["featx-run"] = "featx-run"
    version: int = VERSION
    kind: Kind = Kind.HEAD
    data: DataInfo
    backbone: str
    weights: Text
    head: str
    embedding: list[dict[str, Any]] = Field(default_factory=list)
    parent: Text | None = None
    linear: bool = False
    parameters: int | None = None
    trainable_parameters: int | None = None
    layers: list[LayerInfo] = Field(default_factory=list)
    settings: RunSettings = RunSettings()
    seed: int | None = None
    timings: dict[str, float] = Field(default_factory=dict)
    notes: list[Text] = Field(default_factory=list)
    command: Text = ""
    fingerprint: str = ""
    model_sha256: str = ""
    cv_predictions_sha256: str = ""
    familiarity_sha256: str = ""
    created: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
