"""Preprocessing, backbones, pooling and head joined into one Keras model of images."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.keras_model import BackboneSteps, build_steps
from featx.errors import BackboneError
from featx.finetuning.settings import FinetuneSettings
from featx.finetuning.unfreeze import ALL, NONE, boundary, first_unfrozen, unfreeze
from featx.frameworks import import_keras, python_seed
from featx.heads.layers import HEAD_LAYER
from featx.images.sources import View
from featx.training.optimizers import layer_rates
from featx.training.train import Trainee, soften

if TYPE_CHECKING:
    import keras

HeadLayers = Callable[[Any], Any]
"""From a Keras tensor of embeddings to one of probabilities."""


@dataclass(frozen=True)
class JoinedModel:
    """A head on its backbones as one Keras model, and the submodels it is trained by.

    All of them share their layers, so training one trains all. Models of one input take
    it bare, not in a list.

    Attributes
    ----------
    model : keras.Model
        From uint8 images, RGB, one input ``images_<side>[_<resize>]`` per size and way
        to resize, to the probabilities (N, n_classes), averaged over the views.
    view : keras.Model
        The same for the original view only.
    below : keras.Model
        From images to the outputs of the frozen layers, a list of tensors.
    above : keras.Model
        From those to probabilities: ``above(below(x))`` equals ``view(x)``.
    head : keras.Model
        From embeddings to probabilities.
    bases : tuple of keras.Model
        The backbones, one for each embedding.
    firsts : tuple of int
        Index of the first trained operation of each backbone.
    flips : tuple of bool
        Which views there are: False for the original, True for the flipped one.
    boundary : tuple of str
        Names of the frozen layers whose outputs `above` takes.
    """

    model: "keras.Model"
    view: "keras.Model"
    below: "keras.Model"
    above: "keras.Model"
    head: "keras.Model"
    bases: "tuple[keras.Model, ...]"
    firsts: tuple[int, ...]
    flips: tuple[bool, ...]
    boundary: tuple[str, ...]

    def warm_up(self, *, on: bool) -> None:
        """Make only the head trainable; off, the unfrozen layers as well."""
        for base, first in zip(self.bases, self.firsts, strict=True):
            unfreeze(base, len(base.operations) if on else first)

    def trainee(self, settings: FinetuneSettings) -> Trainee:
        """Return what a training must know, with the layers that are trained now."""
        rates = layer_rates(
            self.bases,
            backbone_rate=settings.backbone_rate,
            depth_decay=settings.depth_decay,
        )
        return Trainee(
            self.head.get_layer(HEAD_LAYER), (self.model, self.view, self.above), rates
        )

    def soften(self, temperature: float) -> None:
        """Divide the scores of the head by a temperature."""
        soften(self.head.get_layer(HEAD_LAYER), temperature)


def join(
    extractors: Sequence[KerasExtractor],
    head: HeadLayers,
    *,
    unfrozen: str = "none",
    policy: str = "float32",
    seed: int = 0,
) -> JoinedModel:
    """Build new backbones and put a head on them.

    Two sizes of one backbone have separate weights: they may learn different things.

    Parameters
    ----------
    extractors : sequence of KerasExtractor
        In the order in which the head's embeddings stand side by side; flipped ones are
        the same backbones on flipped images.
    head : callable
        Returns probabilities for a tensor of embeddings.
    unfrozen : str
        What to train of each backbone; see `first_unfrozen`. A backbone without such a
        block or layer stays frozen if another one has it.
    policy : str
        Keras' dtype policy of the backbones; the head computes in float32.
    seed : int
        Of the head's dropout.

    Raises
    ------
    BackboneError, WeightsError
        A backbone can't be built, or none has such a block or layer.
    HeadError
        The head has no Keras layers.
    """
    keras = import_keras()
    parts = _build_parts(extractors, unfrozen, policy)
    inputs = {
        view: keras.Input((view.side, view.side, 3), dtype="uint8", name=name)
        for view, name in _input_names(part.shown for part in parts).items()
    }
    images = _bare(list(inputs.values()))
    halves = [part.above(number) for number, part in enumerate(parts)]
    above = _chained(frozen for frozen, _ in halves)
    embedding = _concatenated([row for _, row in halves])
    head_model = _head_model(head, embedding.shape[1:], seed)
    flips = tuple(sorted({one.flip for one in extractors}))

    def predicted(images: Mapping[View, Any]) -> Any:
        return head_model(_concatenated([part.embed(images) for part in parts]))

    views = [predicted(_flipped(inputs) if flip else inputs) for flip in flips]
    mean = views[0] if len(views) == 1 else keras.ops.mean(keras.ops.stack(views), 0)
    return JoinedModel(
        model=keras.Model(images, mean, name="featx"),
        view=keras.Model(images, predicted(inputs)),
        below=keras.Model(images, _chained(part.below(inputs) for part in parts)),
        above=keras.Model(_bare(above), head_model(embedding)),
        head=head_model,
        bases=tuple(part.steps.base for part in parts),
        firsts=tuple(part.first for part in parts),
        flips=flips,
        boundary=tuple(
            tensor._keras_history.operation.name
            for tensor in _chained(part.cut for part in parts)
        ),
    )


def check_unfreeze(extractors: Sequence[KerasExtractor], unfrozen: str) -> None:
    """Check what is to be trained, without a head.

    Raises
    ------
    BackboneError
        No backbone has such a block or layer.
    """
    if unfrozen not in (NONE, ALL):
        _build_parts(extractors, unfrozen, "float32")


@dataclass(frozen=True)
class _Part:
    """A backbone built for the original view, and where it is cut in two.

    Attributes
    ----------
    shown : View
        How it is shown images.
    steps : BackboneSteps
    first : int
        Index of the first trained operation.
    cut : list of keras.KerasTensor
        What goes from the frozen layers to the trained ones.
    """

    shown: View
    steps: BackboneSteps
    first: int
    cut: list[Any]

    def embed(self, images: Mapping[View, Any]) -> Any:
        """Return the embeddings of images by view."""
        steps = self.steps
        return steps.pool(steps.base(steps.prepare(images[self.shown])))

    def below(self, images: Mapping[View, Any]) -> list[Any]:
        """Return the outputs of the frozen layers for images by view."""
        keras, steps = import_keras(), self.steps
        lower = keras.Model(steps.base.input, self.cut)
        return list(keras.tree.flatten(lower(steps.prepare(images[self.shown]))))

    def above(self, number: int) -> tuple[list[Any], Any]:
        """Return new inputs in place of those outputs, and the embeddings of them."""
        keras, output = import_keras(), self.steps.base.output
        inputs = [
            keras.Input(tensor.shape[1:], name=f"frozen_{number}_{place}")
            for place, tensor in enumerate(self.cut)
        ]
        found = inputs[0]
        if self.cut[0] is not output:
            found = keras.Model(self.cut, output)(inputs)
        return inputs, self.steps.pool(found)


def _build_parts(
    extractors: Sequence[KerasExtractor], unfrozen: str, policy: str
) -> list[_Part]:
    originals = [one for one in extractors if not one.flip]
    members = [_build(one, policy) for one in originals]
    names: list[str] = []
    for one, steps in zip(originals, members, strict=True):
        # Keras wants distinct names, also for two sizes or poolings of a backbone.
        name = f"{one.backbone.name}_{one.image_size}"
        names.append(name)
        repeat = names.count(name)
        steps.base.name = f"{name}_{repeat}" if repeat > 1 else name
    firsts = _firsts([steps.base for steps in members], unfrozen)
    parts = []
    for one, steps, first in zip(originals, members, firsts, strict=True):
        parts.append(_Part(one.spec.view, steps, first, boundary(steps.base, first)))
        unfreeze(steps.base, first)
    return parts


def _head_model(head: HeadLayers, shape: tuple[int, ...], seed: int) -> "keras.Model":
    """Return a head as a model of embeddings, its batch normalisation frozen."""
    keras = import_keras()
    embedding = keras.Input(shape, name="embedding")
    with python_seed(seed):
        model = keras.Model(embedding, head(embedding), name="head")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False  # as in the backbones
    return model


def _firsts(bases: "Sequence[keras.Model]", unfrozen: str) -> list[int]:
    """Return the index of the first trained operation of each base."""
    firsts, errors = [], []
    for base in bases:
        try:
            firsts.append(first_unfrozen(base, unfrozen))
        except BackboneError as error:
            firsts.append(len(base.operations))
            errors.append(error)
    if len(errors) == len(bases):
        raise errors[0]
    return firsts


def _build(extractor: KerasExtractor, policy: str) -> BackboneSteps:
    # Layers are numbered by session: in a new one, by their place in the backbone.
    import_keras().backend.clear_session()
    return build_steps(extractor, policy)


def _chained(lists: Iterable[list[Any]]) -> list[Any]:
    return list(chain.from_iterable(lists))


def _concatenated(rows: Sequence[Any]) -> Any:
    if len(rows) == 1:
        return rows[0]
    return import_keras().ops.concatenate(list(rows), axis=-1)


def _input_names(views: Iterable[View]) -> dict[View, str]:
    """Return a name for the input of each view."""
    return {
        view: f"images_{view.side}{view.suffix}{'_stretched' * view.stretch}".replace(
            "-", "_"
        )
        for view in views
    }


def _flipped(images: Mapping[View, Any]) -> dict[View, Any]:
    ops = import_keras().ops
    return {view: ops.flip(tensor, axis=2) for view, tensor in images.items()}


def _bare(tensors: list[Any]) -> Any:
    """Return a single tensor without its list: its model takes arrays, not lists."""
    return tensors if len(tensors) > 1 else tensors[0]
