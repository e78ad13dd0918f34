"""Preprocessing, backbones, pooling and head joined into one Keras model of images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.keras_model import BackboneSteps, build_steps
from featx.errors import BackboneError
from featx.finetuning.unfreeze import ALL, NONE, boundary, first_unfrozen, unfreeze
from featx.frameworks import import_keras, python_seed

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
        From uint8 images, RGB, one input ``images_<side>`` per image size, to the
        probabilities (N, n_classes), averaged over the views.
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


def join(
    extractors: Sequence[KerasExtractor],
    head: HeadLayers,
    *,
    unfrozen: str = "none",
    policy: str = "float32",
    seed: int = 0,
) -> JoinedModel:
    """Build backbones anew and put a head on them.

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
    parts = _Backbones.build(extractors, unfrozen, policy)
    inputs = {
        one.image_size: keras.Input(
            (one.image_size, one.image_size, 3),
            dtype="uint8",
            name=f"images_{one.image_size}",
        )
        for one in parts.extractors
    }
    images = _bare(list(inputs.values()))
    below, above, rows = parts.halves(inputs)
    embedding = _concatenated(rows)
    head_model = _head_model(head, embedding.shape[1:], seed)
    flips = tuple(sorted({one.flip for one in extractors}))
    views = [
        head_model(parts.embedding(_flipped(inputs) if flip else inputs))
        for flip in flips
    ]
    mean = views[0] if len(views) == 1 else keras.ops.mean(keras.ops.stack(views), 0)
    return JoinedModel(
        model=keras.Model(images, mean, name="featx"),
        view=keras.Model(images, head_model(parts.embedding(inputs))),
        below=keras.Model(images, below),
        above=keras.Model(_bare(above), head_model(embedding)),
        head=head_model,
        bases=tuple(member.base for member in parts.members),
        firsts=parts.firsts,
        flips=flips,
        boundary=tuple(
            t._keras_history.operation.name for cut in parts.cuts for t in cut
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
        _Backbones.build(extractors, unfrozen, "float32")


@dataclass(frozen=True)
class _Backbones:
    """Backbones built for the original view, and where each is cut.

    Attributes
    ----------
    extractors : tuple of KerasExtractor
    members : tuple of BackboneSteps
    firsts : tuple of int
    cuts : tuple of list
        Keras tensors that go from the frozen layers to the trained ones.
    """

    extractors: tuple[KerasExtractor, ...]
    members: tuple[BackboneSteps, ...]
    firsts: tuple[int, ...]
    cuts: tuple[list[Any], ...]

    @classmethod
    def build(
        cls, extractors: Sequence[KerasExtractor], unfrozen: str, policy: str
    ) -> "_Backbones":
        originals = tuple(one for one in extractors if not one.flip)
        members = tuple(_build(one, policy) for one in originals)
        names: list[str] = []
        for member, one in zip(members, originals, strict=True):
            # Keras wants distinct names, also for two sizes or poolings of a backbone.
            name = f"{one.backbone.name}_{one.image_size}"
            names.append(name)
            repeat = names.count(name)
            member.base.name = f"{name}_{repeat}" if repeat > 1 else name
        firsts = _firsts([member.base for member in members], unfrozen)
        cuts = []
        for member, first in zip(members, firsts, strict=True):
            cuts.append(boundary(member.base, first))
            unfreeze(member.base, first)
        return cls(originals, members, firsts, tuple(cuts))

    def embedding(self, images: Mapping[int, Any]) -> Any:
        """Return the embeddings, side by side, of images by size."""
        return _concatenated(
            [
                member.pool(member.base(member.prepare(images[one.image_size])))
                for member, one in zip(self.members, self.extractors, strict=True)
            ]
        )

    def halves(
        self, images: Mapping[int, Any]
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Cut the backbones in two.

        Returns
        -------
        below : list of keras.KerasTensor
            Outputs of the frozen layers for these images.
        above : list of keras.KerasTensor
            New inputs in their place.
        rows : list of keras.KerasTensor
            Embeddings computed from those inputs.
        """
        keras = import_keras()
        below: list[Any] = []
        above: list[Any] = []
        rows: list[Any] = []
        for number, (member, cut, one) in enumerate(
            zip(self.members, self.cuts, self.extractors, strict=True)
        ):
            lower = keras.Model(member.base.input, cut)
            found = lower(member.prepare(images[one.image_size]))
            below += found if isinstance(found, list | tuple) else [found]
            inputs = [
                keras.Input(tensor.shape[1:], name=f"frozen_{number}_{place}")
                for place, tensor in enumerate(cut)
            ]
            above += inputs
            outputs = inputs[0]
            if cut[0] is not member.base.output:
                outputs = keras.Model(cut, member.base.output)(inputs)
            rows.append(member.pool(outputs))
        return below, above, rows


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


def _firsts(bases: "Sequence[keras.Model]", unfrozen: str) -> tuple[int, ...]:
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
    return tuple(firsts)


def _build(extractor: KerasExtractor, policy: str) -> BackboneSteps:
    # Layers are numbered by session: in a new one, by their place in the backbone.
    import_keras().backend.clear_session()
    return build_steps(extractor, policy)


def _concatenated(rows: Sequence[Any]) -> Any:
    if len(rows) == 1:
        return rows[0]
    return import_keras().ops.concatenate(list(rows), axis=-1)


def _flipped(images: Mapping[int, Any]) -> dict[int, Any]:
    ops = import_keras().ops
    return {side: ops.flip(tensor, axis=2) for side, tensor in images.items()}


def _bare(tensors: list[Any]) -> Any:
    """Return a single tensor without its list: its model takes arrays, not lists."""
    return tensors if len(tensors) > 1 else tensors[0]
