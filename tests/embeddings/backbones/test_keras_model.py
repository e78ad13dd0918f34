"""Backbones give what plain Keras, called by hand, gives."""

import multiprocessing
import os
import random
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import (
    KerasExtractor,
    find_by_spec,
    find_extractor,
)
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.backbones.table import BACKBONES, find_backbone
from featx.embeddings.backbones.weights import Weights, resolve_weights
from featx.embeddings.engines.tensorflow import TensorFlowEngine, is_frozen
from featx.errors import BackboneError, WeightsError
from featx.frameworks import import_keras, import_tensorflow
from featx.keras_backend import keras_home
from tests.embeddings.backbones.pictures import make_images

RANDOM = Weights("random", None, None, 0)
OF_KERAS = [row for row in BACKBONES.values() if not row.distribution]
BY_SIZE = sorted(OF_KERAS, key=lambda row: row.parameters)
SMALLEST = {row.module: row.name for row in reversed(BY_SIZE)}
# The smallest stands for those of its family, which the same lines build with other
# depths and widths: DenseNet121 for 169 and 201, ResNet50 for 101 and 152,
# EfficientNetB0 for B1 to B7, EfficientNetV2B0 for the rest, NASNetMobile for
# NASNetLarge, ConvNeXtTiny for the rest. Of MobileNets, whose `alpha` sets the width,
# the largest is built as well. test_table.py compares every row.
LARGEST = {row.module: row.name for row in BY_SIZE if row.parameters <= 5}
ENDS = [name for name in BACKBONES if name in {*SMALLEST.values(), *LARGEST.values()}]
QUICKEST, *OTHERS = sorted(ENDS, key=lambda name: find_backbone(name).parameters)


def build_by_hand(keras, row, side, **options):
    width = {} if row.alpha is None else {"alpha": row.alpha}
    return getattr(keras.applications, row.builder)(
        include_top=False,
        weights=None,
        input_shape=(side, side, 3),
        pooling="avg",
        **width,
        **options,
    )


def embed_by_hand(keras, row, base, images):
    pixels = images.astype(np.float32)
    module = getattr(keras.applications, row.module)
    return np.asarray(base(module.preprocess_input(pixels), training=False))


def calibrate(keras, row, base, images):
    """Set the statistics of batch normalisation from one batch, without dropout.

    With raw random weights some deep networks are chaotic: an input change of 1e-6
    changes the output by a quarter.
    """
    settings = [
        (layer, name, 0.0)
        for layer in base.layers
        for name in ("momentum", "rate")
        if isinstance(getattr(layer, name, None), float)
    ]
    before = [getattr(layer, name) for layer, name, _ in settings]
    for layer, name, value in settings:
        setattr(layer, name, value)
    module = getattr(keras.applications, row.module)
    pixels = module.preprocess_input(images.astype(np.float32))
    # As a graph: eager mode keeps every map until the end, 15 GB for NASNetLarge.
    import_tensorflow().function(base)(pixels, training=True)
    for (layer, name, _), value in zip(settings, before, strict=True):
        setattr(layer, name, value)


def tame(base):
    """Make the branches of a ResNet as small beside its shortcuts as training does.

    With random weights a change of 1e-6 in ResNet152's input moves its output by 5e-4,
    and Keras' own eager mode and graph differ by 1e-4: nothing to compare with.
    """
    for layer in base.layers:
        if re.fullmatch(r"conv\d_block\d+_3_bn", layer.name):
            layer.gamma.assign(layer.gamma * 0.2)


def relative_error(name):
    """Compare featx's engine with Keras by hand: ||a - b|| / ||b||."""
    row = find_backbone(name)
    # Large enough for a last map that has some statistics.
    side = max(96, 2 * row.min_size)
    images = make_images(8, side)
    keras = import_keras()
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    base = build_by_hand(keras, row, side)
    tame(base)
    calibrate(keras, row, base, images)
    expected = embed_by_hand(keras, row, base, images[:4])
    values = base.get_weights()
    del base
    model = build_model(KerasExtractor(row, RANDOM, side))
    model.set_weights(values)
    got = TensorFlowEngine(model, freeze=is_frozen(row))(images[:4])
    assert got.dtype == np.float32
    assert got.shape == expected.shape == (4, row.features)
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


def test_smallest_backbone_equals_keras_by_hand():
    assert relative_error(QUICKEST) < 1e-4


@pytest.fixture(scope="module")
def shared_process():
    """A process for eight backbones, and the next one after them.

    What a graph has taken comes back at the end of its process only.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=8) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_other_backbones_equal_keras_by_hand(name, shared_process):
    assert shared_process.submit(relative_error, name).result() < 1e-4


@pytest.mark.slow
def test_models_load_with_plain_keras(tmp_path):
    # One row for each kind of preprocessing.
    names = ["mobilenet-0.25", "resnet50", "densenet121", "convnexttiny"]
    images = make_images(2, 32)
    np.save(tmp_path / "images.npy", images)
    for name in names:
        model = build_model(KerasExtractor(find_backbone(name), RANDOM, 32))
        np.save(tmp_path / f"{name}.npy", np.asarray(model(images)))
        model.save(tmp_path / f"{name}.keras")
    # A process without featx: nothing but Keras knows how to load them.
    script = (
        "import sys, keras, numpy as np\n"
        "for name in sys.argv[1:]:\n"
        "    model = keras.saving.load_model(f'{name}.keras', safe_mode=True)\n"
        "    got, expected = model(np.load('images.npy')), np.load(f'{name}.npy')\n"
        "    np.testing.assert_allclose(\n"
        "        np.asarray(got), expected, rtol=1e-4, err_msg=name\n"
        "    )\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *names],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_layer_names_do_not_count_up():
    extractor = KerasExtractor(find_backbone("mobilenetv3small-0.75"), RANDOM, 32)
    first, second = (
        [layer.name for layer in build_model(extractor).layers] for _ in range(2)
    )
    assert first == second


DIGEST = """
import hashlib
from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.backbones.keras_model import build_model
model = build_model(find_extractor("mobilenet-0.25", image_size=32, weights="random"))
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


@pytest.mark.slow
def test_random_weights_come_from_the_seed_in_every_process():
    def digest():
        root = Path(__file__).parents[3]
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout

    assert digest() == digest()


def test_random_weights_are_others_with_another_seed():
    row = find_backbone("mobilenet-0.25")
    first, other = (
        build_model(KerasExtractor(row, Weights("random", None, None, seed), 32))
        for seed in (0, 1)
    )
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


def test_callers_random_states_stay_as_they_are():
    row = find_backbone("mobilenet-0.25")
    import_keras()
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    build_model(KerasExtractor(row, RANDOM, 32))
    assert random.getstate() == python
    assert all(
        np.array_equal(a, b)
        for a, b in zip(legacy, np.random.get_state(), strict=True)  # noqa: NPY002
    )


@pytest.mark.parametrize(
    "name", [pytest.param("inceptionv3", marks=pytest.mark.slow), "mobilenet-0.25"]
)
def test_least_size_is_taken_and_less_refused(name):
    row = find_backbone(name)
    least = row.min_size
    model = build_model(KerasExtractor(row, RANDOM, least))
    assert model.output_shape == (None, row.features)
    with pytest.raises(BackboneError, match=f"needs at least {least} pixels"):
        find_extractor(name, weights="random", image_size=least - 1)


def test_poolings_give_rows():
    row = find_backbone("mobilenet-0.25")
    images = make_images(2, 64)
    avg, largest, every = (
        np.asarray(build_model(KerasExtractor(row, RANDOM, 64, pooling))(images))
        for pooling in ("avg", "max", "none")
    )
    assert every.shape == (2, 2 * 2 * 256)
    maps = every.reshape(2, 4, 256)
    np.testing.assert_allclose(avg, maps.mean(1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(largest, maps.max(1), rtol=1e-4, atol=1e-6)
    with pytest.raises(BackboneError, match="--pooling mean: expected one of avg"):
        find_extractor(row.name, weights="random", pooling="mean")


def test_inner_layers_give_rows():
    row = find_backbone("mobilenet-0.25")

    def shape(layer, pooling):
        return build_model(KerasExtractor(row, RANDOM, 64, pooling, layer)).output_shape

    assert shape("conv_pw_6_relu", "avg") == (None, 128)
    assert shape("conv_pw_6_relu", "max") == (None, 128)
    assert shape("conv_pw_6_relu", "none") == (None, 4 * 4 * 128)
    with pytest.raises(BackboneError, match="did you mean 'conv_pw_6_relu'"):
        shape("conv_pw_6_rel", "avg")
    with pytest.raises(BackboneError, match="its last is 'conv_pw_13_relu'"):
        shape("zzzzzzzz", "avg")


def save_by_hand(row, side, path):
    keras = import_keras()
    keras.utils.set_random_seed(1)
    base = build_by_hand(keras, row, side)
    base.save_weights(path)
    return base


@pytest.mark.parametrize(
    "name",
    ["mobilenetv3small-0.75", pytest.param("convnexttiny", marks=pytest.mark.slow)],
)
def test_one_file_serves_every_size(name, tmp_path):
    row = find_backbone(name)
    path = tmp_path / "some.weights.h5"
    base = save_by_hand(row, 64, path)
    weights = Weights("imagenet", path, None, None)
    model = build_model(KerasExtractor(row, weights, 96))
    for got, expected in zip(model.get_weights(), base.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.slow
def test_weights_of_another_model_are_refused_in_one_line(tmp_path):
    row = find_backbone("mobilenet-0.25")
    other = tmp_path / "other.weights.h5"
    save_by_hand(find_backbone("mobilenet-0.5"), 32, other)
    broken = tmp_path / "broken.h5"
    broken.write_text("no HDF5")
    unknown = tmp_path / "unknown.pth"
    unknown.write_text("not Keras'")
    archive = tmp_path / "archive.keras"
    archive.write_text("no zip")
    for path in (other, broken, unknown, archive):
        weights = Weights("file", path, None, None)
        with pytest.raises(WeightsError, match="doesn't fit mobilenet") as error:
            build_model(KerasExtractor(row, weights, 32))
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_efficientnet_is_rescaled_as_keras_does_for_imagenet(tmp_path, monkeypatch):
    # Keras adds a layer for weights="imagenet" only; its file is faked here.
    keras = import_keras()
    row = find_backbone("efficientnetb0")
    base = build_by_hand(keras, row, 64)
    layer = next(x for x in base.layers if isinstance(x, keras.layers.Normalization))
    # What the published file holds: the deviation in the variance's place.
    statistics = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    layer.set_weights([*statistics, np.int32(0)])
    path = tmp_path / "efficientnetb0_notop.weights.h5"
    base.save_weights(path)
    from keras.src.utils import file_utils

    monkeypatch.setattr(file_utils, "get_file", lambda *args, **options: str(path))
    by_hand = keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=(64, 64, 3), pooling="avg"
    )
    images = make_images(2, 64)
    expected = np.asarray(by_hand(images.astype(np.float32)))
    for kind in ("imagenet", "file"):
        model = build_model(KerasExtractor(row, Weights(kind, path, None, None), 64))
        np.testing.assert_allclose(model(images), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.samples
@pytest.mark.parametrize(
    "name", [pytest.param("mobilenetv2-0.35", marks=pytest.mark.slow), "mobilenet-0.25"]
)
def test_imagenet_weights_equal_keras_own(name):
    row = find_backbone(name)
    if not (keras_home() / "models" / row.weights_file).is_file():
        pytest.skip(f"KERAS_HOME has no {row.weights_file}")
    keras = import_keras()
    images = make_images(4, 224)
    by_hand = getattr(keras.applications, row.builder)(
        include_top=False,
        weights="imagenet",
        alpha=row.alpha,
        input_shape=(224, 224, 3),
        pooling="avg",
    )
    expected = embed_by_hand(keras, row, by_hand, images)
    weights = resolve_weights(row, "imagenet")
    model = build_model(KerasExtractor(row, weights, 224))
    got = TensorFlowEngine(model)(images)
    assert np.linalg.norm(got - expected) / np.linalg.norm(expected) < 1e-5
    # 160 pixels: Keras would ask for a file of its own, featx doesn't.
    smaller = build_model(KerasExtractor(row, weights, 160))
    for one, other in zip(smaller.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_weights_are_those_of_the_backend(monkeypatch):
    drawn = find_extractor("mobilenet-0.25", weights="random", seed=3)
    assert drawn.spec.weights_id.startswith("seed 3, keras ")
    on_tensorflow = drawn.spec
    name = "featx.embeddings.backbones.extractor.keras_backend"
    monkeypatch.setattr(name, lambda: "jax")
    assert drawn.spec.weights_id == f"{on_tensorflow.weights_id}, jax"
    assert find_by_spec(drawn.spec).weights.seed == 3
    with pytest.raises(BackboneError, match="random weights of seed 3"):
        find_by_spec(on_tensorflow)


def test_what_keras_can_not_build_is_said_in_a_line(monkeypatch):
    def refuse(**options):
        raise ValueError("NASNetMobile is not available with the torch backend")

    monkeypatch.setattr(import_keras().applications, "NASNetMobile", refuse)
    extractor = find_extractor("nasnetmobile", weights="random", image_size=64)
    message = r"^nasnetmobile: Keras can't build it on tensorflow \(NASNetMobile is not"
    with pytest.raises(BackboneError, match=message):
        build_model(extractor)
