"""A backbone as one Keras model: raw pixels in, embeddings out.

The model's own preprocessing is part of its graph, so it can't be forgotten or mixed
up. The model saves and loads with plain Keras: it holds nothing of featx's.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from featx.embeddings.backbones import efficientnet_lite
from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.table import Backbone, find_backbone
from featx.embeddings.backbones.weights import Weights
from featx.embeddings.spec import Spec
from featx.errors import BackboneError, WeightsError, first_line, nearest
from featx.frameworks import (
    dtype_policy,
    import_keras,
    python_seed,
    quick_compiling,
)
from featx.keras_backend import keras_backend

if TYPE_CHECKING:
    import keras


# ImageNet's mean and standard deviation (red, green, blue, of pixels in [0, 1]).
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


def build_model(extractor: KerasExtractor, policy: str = "float32") -> "keras.Model":
    """Build an extractor's backbone with its preprocessing and pooling inside.

    Keras' session is cleared first: layer names count up within a process otherwise
    (``conv2d_94`` in a second InceptionV3) and models of one kind would differ.

    Parameters
    ----------
    extractor : KerasExtractor
        Neither its `flip` nor its `precision` matters.
    policy : str
        Keras' dtype policy of the backbone's layers, like ``mixed_bfloat16``; the
        preprocessing stays in float32.

    Returns
    -------
    keras.Model
        From uint8 (N, side, side, 3), RGB, to (N, D), of the policy's type.

    Raises
    ------
    BackboneError
        There is no such layer, or Keras can't build the backbone on its backend.
    WeightsError
        The file doesn't fit the model.
    """
    keras = import_keras()
    keras.backend.clear_session()
    steps = build_steps(extractor, policy)
    side = extractor.image_size
    images = keras.Input((side, side, 3), dtype="uint8", name="images")
    embedding = steps.pool(steps.base(steps.prepare(images)))
    return keras.Model(images, embedding, name=extractor.backbone.name)


@dataclass(frozen=True)
class BackboneSteps:
    """A backbone's steps from images to embeddings, each from tensor to tensor.

    Attributes
    ----------
    prepare : callable
        The preprocessing: uint8 images, RGB, to what the base takes.
    base : keras.Model
        Keras' own, up to the layer that is wanted.
    pool : callable
        From what the base gives to a row; does nothing where the base pools.
    """

    prepare: Callable[[Any], Any]
    base: "keras.Model"
    pool: Callable[[Any], Any]


def build_steps(extractor: KerasExtractor, policy: str = "float32") -> BackboneSteps:
    """Build what `build_model` joins; parameters and errors are the same.

    Layer names count up from what Keras' session has built before.
    """
    keras = import_keras()
    backbone, pooling = extractor.backbone, extractor.pooling
    # ConvNeXt normalises after its pooling, so the builder has to do the pooling.
    inside = None if extractor.layer or pooling == "none" else pooling
    with dtype_policy(policy), quick_compiling():
        base = _build_base(keras, extractor, inside)
    if extractor.layer:
        base = keras.Model(
            base.input, _find_layer(base, backbone, extractor.layer).output
        )
    _, preprocess_input = keras_functions(backbone)

    def prepare(images: Any) -> Any:
        return preprocess_input(keras.ops.cast(images, "float32"))

    def pool(outputs: Any) -> Any:
        return outputs if inside else _pool(keras, outputs, pooling)

    return BackboneSteps(prepare, base, pool)


def find_map_shape(spec: Spec, width: int) -> tuple[int, int, int] | None:
    """Return height, width and channels of the maps that lie flat in a spec's rows.

    For a backbone's last map the table of backbones says it; no framework is needed.
    For an inner layer the backbone is built, without its weights.

    Parameters
    ----------
    spec : Spec
    width : int
        Of a row.

    Returns
    -------
    tuple of int, or None
        None where rows are no maps: they are pooled, or the layer has no places.

    Raises
    ------
    BackboneError
        There is no such backbone, or its maps are not of that many numbers.
    """
    if spec.pooling != "none":
        return None
    if spec.layer is not None:
        shape = _layer_shape(spec.backbone, spec.image_size, spec.layer)
        if len(shape) != 3:
            return None
        height, width, channels = shape
        return height, width, channels
    features = find_backbone(spec.backbone).features
    side = isqrt(width // features)
    if side * side * features != width:
        raise BackboneError(
            f"{spec}: rows of {width} numbers are not square maps of {features}"
            " channels"
        )
    return side, side, features


@lru_cache(maxsize=8)
def _layer_shape(name: str, image_size: int, layer: str) -> tuple[int, ...]:
    """Return the shape of an inner layer's output for one square image.

    The network is built for it, with random weights.

    Raises
    ------
    BackboneError
        There is no such layer.
    """
    import_keras().backend.clear_session()
    random = Weights("random", path=None, sha256=None, seed=0)
    extractor = KerasExtractor(find_backbone(name), random, image_size, layer=layer)
    shape: tuple[int, ...] = build_steps(extractor).base.output_shape[1:]
    return shape


def _build_base(keras: Any, extractor: KerasExtractor, pooling: str | None) -> Any:
    """Build Keras' own model without its classifier and load its weights.

    It is always built with ``weights=None``: with ``weights="imagenet"`` the
    MobileNets look for another file at 128, 160 and 192 pixels and warn at other
    sizes, and Keras downloads a file again by itself, in a read-only folder even to
    another place. So any image size uses the one file whose digest is known.
    """
    backbone, weights = extractor.backbone, extractor.weights
    build, _ = keras_functions(backbone)
    with python_seed(weights.seed or 0):
        try:
            base = build(
                include_top=False,
                weights=None,
                input_shape=(extractor.image_size, extractor.image_size, 3),
                pooling=pooling,
                **backbone.width,
            )
        except ValueError as error:  # NASNet's on PyTorch, for example
            raise BackboneError(
                f"{backbone.name}: Keras can't build it on {keras_backend()}"
                f" ({first_line(error)})"
            ) from error
    if weights.path is not None:
        _load(base, backbone, weights.path)
    if backbone.imagenet_rescaling:
        _rescale_as_imagenet(keras, base, always=weights.kind == "imagenet")
    return base


def keras_functions(
    backbone: Backbone,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return what builds a backbone, and its preprocessing of float pixels.

    Both take what the functions of ``keras.applications`` take.
    """
    if backbone.distribution:
        module = efficientnet_lite
        return getattr(module, backbone.builder), module.preprocess_input
    applications = import_keras().applications
    module = getattr(applications, backbone.module)
    return getattr(applications, backbone.builder), module.preprocess_input


def _load(base: Any, backbone: Backbone, path: Path) -> None:
    """Load the file into the model, or say in one line why it doesn't fit."""
    try:
        with warnings.catch_warnings():
            # Keras may leave layers of a wrong file random, with a warning only.
            warnings.filterwarnings("error", "(?s).*freshly-initialized", UserWarning)
            if backbone.distribution and path.suffix == ".pth":
                efficientnet_lite.load_pytorch_weights(base, path)
            else:
                base.load_weights(str(path))
    except (ValueError, KeyError, OSError, TypeError, UserWarning, BadZipFile) as error:
        raise WeightsError(
            f"{path} doesn't fit {backbone.name}: give a file of Keras' weights of"
            f" this model without its classifier ({first_line(error)[:200]})"
        ) from error


def _rescale_as_imagenet(keras: Any, base: Any, *, always: bool) -> None:
    """Divide EfficientNet's normalised input by the root of ImageNet's deviation.

    Keras puts a ``Rescaling`` of ``1 / sqrt(std)`` behind the ``Normalization``, but
    only where it is built with ``weights="imagenet"``: the published weights hold the
    deviation in the variance's place. Dividing by ``sqrt(variance * std)`` at once is
    the same, and needs no layer. A user's file comes from a model with that layer if
    it holds ImageNet's mean, which Keras' random weights (mean 0) don't.

    References
    ----------
    .. [1] https://github.com/tensorflow/tensorflow/issues/49930
    """
    import numpy as np

    layer = next(
        inner for inner in base.layers if isinstance(inner, keras.layers.Normalization)
    )
    mean, variance, count = layer.get_weights()
    if always or np.allclose(mean, _IMAGENET_MEAN, atol=1e-3):
        layer.set_weights([mean, variance * np.array(_IMAGENET_STD), count])
        # The layer computes with a copy that it makes here.
        layer.finalize_state()


def _find_layer(base: Any, backbone: Backbone, name: str) -> Any:
    """Return the layer of that name."""
    layers = {layer.name: layer for layer in base.layers}
    if name not in layers:
        hint = nearest(name, layers) or f"; its last is '{base.layers[-1].name}'"
        raise BackboneError(f"{backbone.name} has no layer '{name}'{hint}")
    return layers[name]


def _pool(keras: Any, outputs: Any, pooling: str) -> Any:
    """Make one row of an inner layer's output: (N, h, w, C) or (N, C) to (N, D)."""
    if len(outputs.shape) == 4 and pooling == "avg":
        return keras.layers.GlobalAveragePooling2D()(outputs)
    if len(outputs.shape) == 4 and pooling == "max":
        return keras.layers.GlobalMaxPooling2D()(outputs)
    return keras.layers.Flatten()(outputs)
