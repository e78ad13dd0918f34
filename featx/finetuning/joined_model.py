"""Preprocessing, backbones, pooling and head joined into one Keras model of images."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.keras_model import BackboneSteps, build_steps
from featx.errors import BackboneError
from featx.finetuning.settings import FinetuneSettings
from featx.finetuning.unfreeze import ALL, NONE, boundary, first_unfrozen, unfreeze
from featx.frameworks import garbage_kept, import_keras, python_seed
from featx.heads.layers import HEAD_LAYER
from featx.images.sources import View
from featx.training.batches import Samples
from featx.training.optimizers import layer_rates
from featx.training.predict import traced, traced_later
from featx.training.train import Trainee, assign, soften

if TYPE_CHECKING:
    import keras

HeadLayers = Callable[[Any], Any]
"""From a Keras tensor of embeddings to one of probabilities."""


@dataclass(frozen=True)
class Backbones:
    """Backbones from images to embeddings, built once for one head after another.

    What is traced of them serves every head as well: it takes longer than training on
    a few images does.

    Attributes
    ----------
    bases : tuple of keras.Model
        The backbones, one for each embedding.
    firsts : tuple of int
        Index of the first trained operation of each backbone.
    flips : tuple of bool
        Which views there are: False for the original, True for the flipped one.
    features : keras.Model
        From images to embeddings, a list of (N, d) for each view.
    below : keras.Model
        From images to the outputs of the frozen layers, a list of tensors.
    above : keras.Model
        From those to the embeddings of the original view.
    boundary : tuple of str
        Names of the frozen layers whose outputs `above` takes.
    start : list of ndarray
        The weights that training changes, as they were before.
    """

    bases: "tuple[keras.Model, ...]"
    firsts: tuple[int, ...]
    flips: tuple[bool, ...]
    features: "keras.Model"
    below: "keras.Model"
    above: "keras.Model"
    boundary: tuple[str, ...]
    start: list[Any]

    @cached_property
    def run_features(self) -> Callable[..., list[Any]]:
        """`features` as a graph, traced when it has run a few times."""
        return traced_later(self.features)

    @cached_property
    def run_below(self) -> Callable[..., list[Any]]:
        """`below` as a graph, traced when it has run a few times."""
        return traced_later(self.below)

    @cached_property
    def run_above(self) -> Callable[..., list[Any]]:
        """`above` as a graph, traced when it has run a few times."""
        return traced_later(self.above)

    def warm_up(self, *, on: bool) -> None:
        """Make only the head trainable; off, the unfrozen layers as well."""
        for base, first in zip(self.bases, self.firsts, strict=True):
            unfreeze(base, len(base.operations) if on else first)

    def rewind(self) -> None:
        """Make the backbones as they were before any training."""
        self.warm_up(on=False)
        assign(self.above.trainable_weights, self.start)


@dataclass(frozen=True)
class JoinedModel:
    """A head on its backbones as one Keras model, and the submodels it is trained by.

    All of them share their layers, so training one trains all. Models of one input take
    it bare, not in a list.

    Attributes
    ----------
    backbones : Backbones
    model : keras.Model
        From uint8 images, RGB, one input ``images_<side>[_<resize>]`` per size and way
        to resize, to the probabilities (N, n_classes), averaged over the views.
    view : keras.Model
        The same for the original view only.
    above : keras.Model
        From the outputs of the frozen layers to probabilities: ``above(below(x))``
        equals ``view(x)``.
    head : keras.Model
        From embeddings to probabilities.
    """

    backbones: Backbones
    model: "keras.Model"
    view: "keras.Model"
    above: "keras.Model"
    head: "keras.Model"

    @cached_property
    def _run_head(self) -> Callable[..., list[Any]]:
        return traced(self.head)

    def predict_views(self, images: Samples, *, batch_size: int) -> NDArray[np.float32]:
        """Return the probabilities of each view, shape (views, n, n_classes)."""
        return self._predict(self.backbones.run_features, images, batch_size)

    def predict_frozen(
        self, outputs: Samples, *, batch_size: int
    ) -> NDArray[np.float32]:
        """Return probabilities, (n, n_classes), from outputs of the frozen layers."""
        found: NDArray[np.float32] = self._predict(
            self.backbones.run_above, outputs, batch_size
        )[0]
        return found

    def _predict(
        self, embed: Callable[..., list[Any]], samples: Samples, batch_size: int
    ) -> NDArray[np.float32]:
        found = []
        for start in range(0, len(samples), batch_size):
            rows = embed(*samples.take(slice(start, start + batch_size)))
            # A head computes in float32, also behind a backbone that does not.
            floats = [one.numpy().astype(np.float32, copy=False) for one in rows]
            found.append([self._run_head(one)[0].numpy() for one in floats])
        probabilities: NDArray[np.float32] = np.concatenate(found, axis=1)
        return probabilities

    def trainee(self, settings: FinetuneSettings) -> Trainee:
        """Return what a training must know, with the layers that are trained now."""
        rates = layer_rates(
            self.backbones.bases,
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

    See `build_backbones` and `put_head_on` for parameters and errors.
    """
    backbones = build_backbones(extractors, unfrozen=unfrozen, policy=policy)
    return put_head_on(backbones, head, seed=seed)


def build_backbones(
    extractors: Sequence[KerasExtractor],
    *,
    unfrozen: str = "none",
    policy: str = "float32",
) -> Backbones:
    """Build new backbones, to put a head on.

    Two sizes of one backbone have separate weights: they may learn different things.

    Parameters
    ----------
    extractors : sequence of KerasExtractor
        In the order in which the head's embeddings stand side by side; flipped ones are
        the same backbones on flipped images.
    unfrozen : str
        What to train of each backbone; see `first_unfrozen`. A backbone without such a
        block or layer stays frozen if another one has it.
    policy : str
        Keras' dtype policy of the backbones.

    Raises
    ------
    BackboneError, WeightsError
        A backbone can't be built, or none has such a block or layer.
    """
    keras = import_keras()
    parts = _build_parts(extractors, unfrozen, policy)
    inputs = {
        view: keras.Input((view.side, view.side, 3), dtype="uint8", name=name)
        for view, name in _input_names(part.shown for part in parts).items()
    }
    images = _bare(list(inputs.values()))
    flips = tuple(sorted({one.flip for one in extractors}))
    rows = [
        _concatenated([part.embed(shown) for part in parts])
        for shown in (_flipped(inputs) if flip else inputs for flip in flips)
    ]
    halves = [part.above(number) for number, part in enumerate(parts)]
    above = keras.Model(
        _bare(_chained(frozen for frozen, _ in halves)),
        _concatenated([row for _, row in halves]),
    )
    return Backbones(
        bases=tuple(part.steps.base for part in parts),
        firsts=tuple(part.first for part in parts),
        flips=flips,
        features=keras.Model(images, rows),
        below=keras.Model(images, _chained(part.below(inputs) for part in parts)),
        above=above,
        boundary=tuple(
            tensor._keras_history.operation.name
            for tensor in _chained(part.cut for part in parts)
        ),
        start=[weight.numpy() for weight in above.trainable_weights],
    )


def put_head_on(
    backbones: Backbones, head: HeadLayers, *, seed: int = 0
) -> JoinedModel:
    """Join backbones, as they are, and a head; a head that was on them comes off.

    Parameters
    ----------
    backbones : Backbones
    head : callable
        Returns probabilities for a tensor of embeddings, computed in float32.
    seed : int
        Of the head's dropout.

    Raises
    ------
    HeadError
        The head has no Keras layers.
    """
    keras = import_keras()
    features, above = backbones.features, backbones.above
    rows = features.outputs
    head_model = _head_model(head, rows[0].shape[1:], seed)
    views = [head_model(one) for one in rows]
    mean = views[0]
    if len(views) > 1:
        # Names of their own: a session cleared meanwhile would give them those that
        # the backbones' preprocessing has.
        stacked = _renamed(keras.ops.stack(views), "views")
        mean = _renamed(keras.ops.mean(stacked, 0), "views_mean")
    return JoinedModel(
        backbones,
        model=keras.Model(features.input, mean, name="featx"),
        view=keras.Model(features.input, views[0]),
        above=keras.Model(above.input, head_model(above.output)),
        head=head_model,
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
    import_keras().backend.clear_session(free_memory=False)
    with garbage_kept():
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


def _renamed(tensor: Any, name: str) -> Any:
    """Return a tensor after naming the operation that gives it."""
    tensor._keras_history.operation.name = name
    return tensor


def _bare(tensors: list[Any]) -> Any:
    """Return a single tensor without its list: its model takes arrays, not lists."""
    return tensors if len(tensors) > 1 else tensors[0]
