"""Backbones as the ImageNet classifiers that they were trained as: 1000 classes."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from featx.embeddings.backbones.keras_model import keras_functions
from featx.embeddings.backbones.table import Backbone
from featx.embeddings.backbones.weights import TIMEOUT_S, resolve_weights
from featx.errors import WeightsError
from featx.frameworks import (
    fetch_failure,
    import_keras,
    keras_downloads,
    quick_compiling,
)
from featx.keras_backend import keras_home

if TYPE_CHECKING:
    import keras

_CLASSES_FILE = Path(__file__).with_name("imagenet_classes.txt")


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Return the names of ImageNet's 1000 classes, in the order of the outputs.

    They are Keras' names, ``toilet_tissue`` for example. Names that two classes share,
    as the bird and the machine do that are a crane, have their WordNet number behind
    them.
    """
    lines = _CLASSES_FILE.read_text(encoding="utf-8").splitlines()
    numbers, names = zip(*(line.split() for line in lines), strict=True)
    shared = Counter(names)
    return tuple(
        f"{name} {number}" if shared[name] > 1 else name
        for number, name in zip(numbers, names, strict=True)
    )


def build_classifier(backbone: Backbone) -> "keras.Model":
    """Build a backbone with its preprocessing and its own classifier.

    Keras downloads the weights the first time; they are another file than the one that
    embeddings are computed with. EfficientNet-Lite's file has both.

    Returns
    -------
    keras.Model
        From uint8 (N, side, side, 3), RGB, of the side that it was trained on, to
        probabilities (N, 1000).

    Raises
    ------
    WeightsError
        The weights are not here and can't be fetched, or are not the published ones.
    """
    keras = import_keras()
    keras.backend.clear_session()
    build, preprocess = keras_functions(backbone)
    shape = (backbone.image_size, backbone.image_size, 3)
    weights = "imagenet"
    if backbone.distribution:
        weights = str(resolve_weights(backbone, "imagenet").path)
    try:
        with keras_downloads(TIMEOUT_S), quick_compiling():
            # Which file has the classifier is for Keras to know.
            network = build(weights=weights, input_shape=shape, **backbone.width)
    except Exception as error:  # noqa: BLE001  Keras raises a bare Exception here
        what = f"the weights of {backbone.name} with its ImageNet classifier"
        raise _missing(what, error, keras_home() / "models") from None
    images = keras.Input(shape, dtype="uint8", name="images")
    outputs = network(preprocess(keras.ops.cast(images, "float32")))
    return keras.Model(images, outputs, name=backbone.name)


def _missing(what: str, error: Exception, path: Path) -> WeightsError:
    """Return what to say where a file can't be had; `path` is where it belongs."""
    return WeightsError(
        f"{what} could not be read or fetched ({fetch_failure(error)[:200]}): try again"
        f" with a network, or bring the file to {path} from a machine that has it;"
        " remove a damaged one there"
    )
