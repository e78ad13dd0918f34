"""Backbones as the ImageNet classifiers that they were trained as: 1000 classes."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from featx.embeddings.backbones.keras_model import keras_functions
from featx.embeddings.backbones.table import Backbone
from featx.embeddings.backbones.weights import (
    TIMEOUT_S,
    Fetch,
    fetch_weights,
    resolve_weights,
)
from featx.errors import WeightsError
from featx.frameworks import fetch_failure, import_keras, keras_downloads, keras_home

if TYPE_CHECKING:
    import keras

N_CLASSES = 1000

CLASSES_FILE = "imagenet_class_index.json"
CLASSES_URL = (
    f"https://storage.googleapis.com/download.tensorflow.org/data/{CLASSES_FILE}"
)
CLASSES_MD5 = "c2c37ea517e94d9795004a39431a14cb"


def imagenet_classes(fetch: Fetch = fetch_weights) -> tuple[str, ...]:
    """Return the names of ImageNet's classes, in the order of the outputs.

    Names that two classes share, as the bird and the machine do that are a crane, have
    their WordNet number behind them.

    Parameters
    ----------
    fetch : callable
        ``fetch(url, target, hash)`` brings Keras' list where it isn't here yet.

    Raises
    ------
    WeightsError
        The list is not here and can't be fetched, or is damaged.
    """
    path = keras_home() / "models" / CLASSES_FILE
    if not path.is_file():
        try:
            fetch(CLASSES_URL, path, CLASSES_MD5)
        except Exception as error:  # noqa: BLE001  Keras raises a bare Exception here
            raise _missing("the names of ImageNet's classes", error, path) from None
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        entries = [known[str(code)] for code in range(N_CLASSES)]
        numbers, names = zip(*((str(a), str(b)) for a, b in entries), strict=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{path} is not Keras' list of ImageNet's classes"
            f" ({type(error).__name__}): delete it to download it again from"
            f" {CLASSES_URL}"
        ) from None
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
        with keras_downloads(TIMEOUT_S):
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
