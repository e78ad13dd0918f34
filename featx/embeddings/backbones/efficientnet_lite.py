"""EfficientNet-Lite, which Keras Applications doesn't have.

The builders take what those of ``keras.applications`` take, and layers have the names
of Keras' EfficientNet. The network is EfficientNet without squeeze-and-excitation, with
ReLU6 instead of swish, and with a stem and a top that don't grow with the width.
Stochastic depth is left out.

References
----------
.. [1] Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
   Networks", ICML 2019
.. [2] https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from featx.embeddings.backbones.pytorch_file import read_state_dict
from featx.frameworks import import_keras

if TYPE_CHECKING:
    import keras


class _Scale(NamedTuple):
    """What a member of the family multiplies channels and repeats by."""

    width: float
    depth: float


class _Block(NamedTuple):
    """An inverted residual block."""

    name: str
    filters: int
    kernel: int
    stride: int
    expansion: int


# Expansion, filters, repeats, kernel and stride of EfficientNet-B0's stages.
_STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
_STEM, _TOP = 32, 1280

_SCALES = {
    "efficientnetlite0": _Scale(1.0, 1.0),
    "efficientnetlite1": _Scale(1.0, 1.1),
    "efficientnetlite2": _Scale(1.1, 1.2),
}


def preprocess_input(pixels: Any) -> Any:
    """Scale pixels from [0, 255] to [-127/128, 1], as the weights were trained."""
    return (pixels - 127.0) / 128.0


def EfficientNetLite0(**options: Any) -> "keras.Model":  # noqa: N802  as Keras' are
    """Build EfficientNet-Lite0, of 4.6 million parameters; see `build_network`."""
    return build_network("efficientnetlite0", **options)


def EfficientNetLite1(**options: Any) -> "keras.Model":  # noqa: N802
    """Build EfficientNet-Lite1, of 5.4 million parameters; see `build_network`."""
    return build_network("efficientnetlite1", **options)


def EfficientNetLite2(**options: Any) -> "keras.Model":  # noqa: N802
    """Build EfficientNet-Lite2, of 6.1 million parameters; see `build_network`."""
    return build_network("efficientnetlite2", **options)


def build_network(
    name: str,
    *,
    include_top: bool = True,
    weights: str | Path | None = None,
    input_shape: tuple[int, int, int],
    pooling: str | None = None,
) -> "keras.Model":
    """Build a network from preprocessed pixels to maps, rows or probabilities.

    Parameters
    ----------
    name : str
        ``efficientnetlite0`` to ``efficientnetlite2``.
    include_top : bool
        With ImageNet's classifier: to probabilities (N, 1000).
    weights : str or Path, optional
        File of the published weights, as PyTorch writes it; random ones without it.
    input_shape : tuple of int
        Height, width and channels of the images.
    pooling : {"avg", "max"}, optional
        How the last maps become rows (N, 1280); maps (N, h, w, 1280) without it.

    Raises
    ------
    ValueError
        The file holds no such weights.
    OSError
        The file can't be read.
    """
    keras = import_keras()
    layers = keras.layers
    images = keras.Input(input_shape)
    x = _conv(images, "stem", _STEM, 3, 2)
    for block in _blocks(_SCALES[name]):
        x = _inverted_residual(x, block)
    x = _conv(x, "top", _TOP)
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(0.2, name="top_dropout")(x)
        x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    elif pooling == "avg":
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D(name="max_pool")(x)
    network = keras.Model(images, x, name=name)
    if weights is not None:
        load_pytorch_weights(network, Path(weights))
    return network


def load_pytorch_weights(network: "keras.Model", path: Path) -> None:
    """Set a network's weights from a file in which PyTorch keeps them.

    Parameters
    ----------
    network : keras.Model
        Of `build_network`, with or without the classifier.
    path : Path

    Raises
    ------
    ValueError
        The file holds no such weights.
    OSError
        The file can't be read.
    """
    tensors = read_state_dict(path)
    layers = import_keras().layers
    names = _pytorch_names(_SCALES[network.name])
    kinds: dict[type, tuple[str, ...]] = {
        layers.BatchNormalization: ("weight", "bias", "running_mean", "running_var"),
        layers.Dense: ("weight", "bias"),
    }
    # PyTorch has a kernel's channels first, and output before input.
    orders = {
        layers.Conv2D: (2, 3, 1, 0),
        layers.DepthwiseConv2D: (2, 3, 0, 1),
        layers.Dense: (1, 0),
    }
    for layer in network.layers:
        if not layer.weights:
            continue
        name, kind = names[layer.name], type(layer)
        try:
            found = [tensors[f"{name}.{part}"] for part in kinds.get(kind, ("weight",))]
        except KeyError as error:
            raise ValueError(f"the file has no tensor {error}") from None
        if kind in orders:
            found[0] = found[0].transpose(orders[kind])
        layer.set_weights(found)


def _blocks(scale: _Scale) -> Iterator[_Block]:
    """Yield the blocks from input to output; the outer stages don't get deeper."""
    for stage, (expansion, filters, repeats, kernel, stride) in enumerate(_STAGES, 1):
        outer = stage in {1, len(_STAGES)}
        for place in range(repeats if outer else math.ceil(repeats * scale.depth)):
            yield _Block(
                name=f"block{stage}{chr(ord('a') + place)}",
                filters=_round_to_eights(filters * scale.width),
                kernel=kernel,
                stride=1 if place else stride,
                expansion=expansion,
            )


def _round_to_eights(filters: float) -> int:
    """Return the nearest multiple of 8, never less than nine tenths."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _inverted_residual(x: Any, block: _Block) -> Any:
    layers = import_keras().layers
    before, channels = x, x.shape[-1]
    if block.expansion > 1:
        x = _conv(x, f"{block.name}_expand", channels * block.expansion)
    x = layers.DepthwiseConv2D(
        block.kernel,
        block.stride,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{block.name}_dwconv",
    )(x)
    x = _normalise(x, block.name)
    x = _conv(x, f"{block.name}_project", block.filters, activate=False)
    if block.stride == 1 and channels == block.filters:
        x = layers.Add(name=f"{block.name}_add")([x, before])
    return x


def _conv(
    x: Any, name: str, filters: int, kernel: int = 1, stride: int = 1, **options: bool
) -> Any:
    x = import_keras().layers.Conv2D(
        filters,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return _normalise(x, name, **options)


def _normalise(x: Any, name: str, *, activate: bool = True) -> Any:
    layers = import_keras().layers
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_activation")(x) if activate else x


def _pytorch_names(scale: _Scale) -> dict[str, str]:
    """Return the names in the file by those of Keras' layers."""
    names = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "top_conv": "_conv_head",
        "top_bn": "_bn1",
        "predictions": "_fc",
    }
    for place, block in enumerate(_blocks(scale)):
        parts = {
            "expand_conv": "_expand_conv",
            "expand_bn": "_bn0",
            "dwconv": "_depthwise_conv",
            "bn": "_bn1",
            "project_conv": "_project_conv",
            "project_bn": "_bn2",
        }
        for own, theirs in parts.items():
            names[f"{block.name}_{own}"] = f"_blocks.{place}.{theirs}"
    return names
