"""The graft: images, preprocessing, backbones, pooling and head as one Keras model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.keras_model import BackboneSteps, build_steps
from featx.errors import BackboneError
from featx.finetune.unfreeze import boundary, first_unfrozen, unfreeze
from featx.frameworks import import_keras, python_seed

if TYPE_CHECKING:
    import keras

HeadLayers = Callable[[Any], Any]
"""From a Keras tensor of embeddings to one of probabilities."""


@dataclass(frozen=True)
class Graft:
    """A head behind its backbones, in Keras, and the parts it is trained by.

    All share their layers: what trains one trains all.

    Attributes
    ----------
    model : keras.Model
        From uint8 images, RGB, one input ``images_<side>`` per image size, to the
        mean of the views' probabilities (N, n_classes).
    view : keras.Model
        The same of the images as they are, without mirroring.
    below : keras.Model
        From the inputs to what the frozen layers hand on: a list of tensors.
    above : keras.Model
        From those to probabilities. ``above(below(x))`` is ``view(x)``.
    head : keras.Model
        From embeddings to probabilities.
    bases : tuple of keras.Model
        The backbones, one for each embedding.
    sides : tuple of int
        Image sizes in pixels, in the order of the inputs.
    flips : tuple of bool
        The views: as it is, mirrored.
    firsts : tuple of int
        Which of their operations is the first that is trained.
    handed : tuple of str
        The layers that hand on what `above` takes.
    """

    model: "keras.Model"
    view: "keras.Model"
    below: "keras.Model"
    above: "keras.Model"
    head: "keras.Model"
    bases: "tuple[keras.Model, ...]"
    firsts: tuple[int, ...]
    sides: tuple[int, ...]
    flips: tuple[bool, ...]
    handed: tuple[str, ...]

    def warm_up(self, *, on: bool) -> None:
        """Train the head only, or again what was unfrozen too."""
        for base, first in zip(self.bases, self.firsts, strict=True):
            unfreeze(base, len(base.operations) if on else first)


def graft(
    extractors: Sequence[KerasExtractor],
    head: HeadLayers,
    *,
    unfrozen: str = "none",
    policy: str = "float32",
    seed: int = 0,
) -> Graft:
    """Build backbones anew and put a head behind them.

    Keras' session is cleared before each, so that layers are named as if it were the
    only one. Two sizes of one backbone have weights of their own: they may learn
    different things.

    Parameters
    ----------
    extractors : sequence of KerasExtractor
        As the head's embeddings stand side by side; mirrored ones are the same
        backbones on mirrored images.
    head : callable
        Returns probabilities of a tensor of embeddings.
    unfrozen : str
        What is to be trained of each backbone; see `first_unfrozen`. Of those that
        have no such block or layer, where others do, nothing is.
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
    upright = [one for one in extractors if not one.flip]
    flips = tuple(sorted({one.flip for one in extractors}))
    members = [_build(one, policy) for one in upright]
    for member, one in zip(members, upright, strict=True):
        # Two sizes of one backbone would have one name.
        member.base.name = f"{one.backbone.name}_{one.image_size}"
    firsts = _firsts([member.base for member in members], unfrozen)
    cuts = []
    for member, first in zip(members, firsts, strict=True):
        cuts.append(boundary(member.base, first))
        unfreeze(member.base, first)

    sides = tuple(dict.fromkeys(one.image_size for one in upright))
    inputs = [
        keras.Input((side, side, 3), dtype="uint8", name=f"images_{side}")
        for side in sides
    ]
    images = dict(zip(sides, inputs, strict=True))
    below, above, rows = _halves(members, cuts, upright, images)
    joined = _joined(rows)
    head_input = keras.Input(joined.shape[1:], name="embedding")
    with python_seed(seed):
        head_model = keras.Model(head_input, head(head_input), name="head")
    for layer in head_model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False  # as in the backbones

    view = keras.Model(inputs, head_model(_embedding(members, upright, images)))
    views = [
        head_model(_embedding(members, upright, _mirrored(images) if flip else images))
        for flip in flips
    ]
    mean = views[0] if len(views) == 1 else keras.ops.mean(keras.ops.stack(views), 0)
    return Graft(
        # For people: who has one input, gives images and not a list of them.
        model=keras.Model(inputs if len(inputs) > 1 else inputs[0], mean, name="featx"),
        view=view,
        below=below,
        above=keras.Model(above, head_model(joined)),
        head=head_model,
        bases=tuple(member.base for member in members),
        firsts=firsts,
        sides=sides,
        flips=flips,
        handed=tuple(t._keras_history.operation.name for cut in cuts for t in cut),
    )


def _firsts(bases: "Sequence[keras.Model]", unfrozen: str) -> tuple[int, ...]:
    """Return the first operation that is trained of each base."""
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
    import_keras().backend.clear_session()
    return build_steps(
        extractor.backbone,
        extractor.weights,
        image_size=(extractor.image_size, extractor.image_size),
        pooling=extractor.pooling,
        layer=extractor.layer,
        policy=policy,
    )


def _halves(
    members: Sequence[BackboneSteps],
    cuts: Sequence[list[Any]],
    extractors: Sequence[KerasExtractor],
    images: dict[int, Any],
) -> tuple[Any, list[Any], list[Any]]:
    """Cut the backbones: the model below, and the inputs and rows of what is above."""
    keras = import_keras()
    handed: list[Any] = []
    above: list[Any] = []
    rows: list[Any] = []
    for number, (member, cut, one) in enumerate(
        zip(members, cuts, extractors, strict=True)
    ):
        lower = keras.Model(member.base.input, cut)
        found = lower(member.prepare(images[one.image_size]))
        handed += found if isinstance(found, list | tuple) else [found]
        inputs = [
            keras.Input(tensor.shape[1:], name=f"handed_{number}_{place}")
            for place, tensor in enumerate(cut)
        ]
        above += inputs
        outputs = inputs[0]
        if cut[0] is not member.base.output:
            outputs = keras.Model(cut, member.base.output)(inputs)
        rows.append(member.pool(outputs))
    return keras.Model(list(images.values()), handed), above, rows


def _embedding(
    members: Sequence[BackboneSteps],
    extractors: Sequence[KerasExtractor],
    images: dict[int, Any],
) -> Any:
    rows = [
        member.pool(member.base(member.prepare(images[one.image_size])))
        for member, one in zip(members, extractors, strict=True)
    ]
    return _joined(rows)


def _joined(rows: Sequence[Any]) -> Any:
    if len(rows) == 1:
        return rows[0]
    return import_keras().ops.concatenate(list(rows), axis=-1)


def _mirrored(images: dict[int, Any]) -> dict[int, Any]:
    ops = import_keras().ops
    return {side: ops.flip(tensor, axis=2) for side, tensor in images.items()}
