"""Which layers of a backbone to train: from a block or layer on, or the last share.

Layers and operations are in Keras' order, which is by depth: unfreezing a layer
unfreezes all that come after it. The base is a model as Keras builds it, each layer
called once.
"""

import re
from typing import TYPE_CHECKING, Any

from featx.errors import BackboneError, nearest
from featx.frameworks import import_keras

if TYPE_CHECKING:
    import keras

NONE, ALL = "none", "all"

# InceptionV3, MobileNet, ResNet and DenseNet, VGG and Xception and EfficientNet,
# MobileNetV2, ConvNeXt, NASNet.
_BLOCK = re.compile(
    r"^(mixed\d+|conv_dw_\d+|conv\d+(?=_block)|block_?\d+|stage_\d+|normal_conv_\d+)"
    r"(?=_|$|[a-z]_)"
)


def first_unfrozen(base: "keras.Model", wanted: str) -> int:
    """Return the index in `base.operations` of the first layer to train.

    Parameters
    ----------
    base : keras.Model
    wanted : str
        ``none``, ``all``, a block (``conv5``, ``block_16``, ``mixed9``), a layer's
        name, or a share of the layers that have weights, counted from the end
        (``20%``).

    Returns
    -------
    int
        The number of operations if none is trained.

    Raises
    ------
    BackboneError
        There is no such block or layer; the message names the nearest one and all
        blocks.
    """
    steps = base.operations
    if wanted == NONE:
        return len(steps)
    if wanted == ALL:
        return 1  # after the input
    if wanted.endswith("%"):
        return _from_share(base, wanted)
    named = [place for place, step in enumerate(steps) if _is_of(step.name, wanted)]
    if not named:
        blocks = block_names(base)
        hint = nearest(wanted, [*blocks, *(step.name for step in steps)])
        listed = f"; its blocks are {', '.join(blocks)}" if blocks else ""
        raise BackboneError(
            f"{base.name} has no block or layer '{wanted}'{hint}{listed}"
        )
    first = named[0]
    if len(_tensors(steps[first].input)) > 1 and not getattr(
        steps[first], "weights", None
    ):
        # InceptionV3 names a block by the layer that joins its branches at its end.
        return _block_start(base, first)
    return first


def block_names(base: "keras.Model") -> list[str]:
    """Return the names of a backbone's blocks, from input to output."""
    found = (_BLOCK.match(_short(step.name)) for step in base.operations)
    return list(dict.fromkeys(match.group(1) for match in found if match))


def unfreeze(base: "keras.Model", first: int) -> None:
    """Make the layers from an index on trainable, and no others.

    Batch normalisation stays frozen, and so in inference mode: small batches of the
    user's images would spoil its statistics of ImageNet.
    """
    keras = import_keras()
    base.trainable = True
    for place, step in enumerate(base.operations):
        if isinstance(step, keras.Layer):
            normalises = isinstance(step, keras.layers.BatchNormalization)
            step.trainable = place >= first and not normalises


def boundary(base: "keras.Model", first: int) -> list[Any]:
    """Return the Keras tensors that go from the frozen operations to the trained ones.

    If everything is frozen, that is the output.
    """
    steps = base.operations
    if first >= len(steps):
        return [base.output]
    made = {id(tensor) for step in steps[:first] for tensor in _tensors(step.output)}
    taken = {id(t): t for step in steps[first:] for t in _tensors(step.input)}
    return [tensor for name, tensor in taken.items() if name in made]


def _short(name: str) -> str:
    """Return a layer's name without the model's, which ConvNeXt puts first."""
    return re.sub(r"^convnext_[a-z]+_(?=stage)", "", name)


def _is_of(name: str, block: str) -> bool:
    """Return whether a name is that of a layer or belongs to that block."""
    if block in (name, _short(name)):
        return True
    rest = _short(name).removeprefix(block)
    # conv5_block1 belongs to conv5, block7a_expand to block7, block_16 not to block_1.
    return rest != _short(name) and bool(re.match(r"_|[a-z]+_", rest))


def _tensors(given: Any) -> list[Any]:
    return list(import_keras().tree.flatten(given))


def _block_start(base: "keras.Model", end: int) -> int:
    """Return where the block that ends with an operation starts.

    That is after the last bottleneck, an operation that all paths run through.
    """
    for place in range(end - 2, -1, -1):  # a block has more than its end
        crossing = boundary(base, place + 1)
        if len(crossing) == 1 and crossing[0] is base.operations[place].output:
            return place + 1
    return 0


def _from_share(base: "keras.Model", wanted: str) -> int:
    """Return where the last N% of the layers with weights start."""
    normalising = import_keras().layers.BatchNormalization
    weighted = [
        place
        for place, step in enumerate(base.operations)
        if getattr(step, "weights", None) and not isinstance(step, normalising)
    ]
    try:
        share = float(wanted.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise BackboneError(
            f"{wanted} of a backbone's layers is not possible; use 0% to 100%"
        )
    count = round(share * len(weighted))
    return weighted[-count] if count else len(base.operations)
