"""The table says what Keras says."""

import math
import re
import subprocess
import sys
import warnings

import pytest

from featx.embeddings.backbones import efficientnet_lite
from featx.embeddings.backbones.table import BACKBONES, find_backbone
from featx.errors import BackboneError
from featx.frameworks import import_keras


def build(keras, row, size, weights):
    width = {} if row.alpha is None else {"alpha": row.alpha}
    return getattr(keras.applications, row.builder)(
        include_top=False,
        weights=weights,
        input_shape=(size, size, 3),
        pooling="avg",
        **width,
    )


OF_KERAS = {name: row for name, row in BACKBONES.items() if not row.distribution}


def multiply_adds(keras, model):
    """Count those of convolutions and dense layers, in billions."""
    kernels = (
        (layer.output.shape[1:-1], weight.shape)
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.Dense) or "Conv" in type(layer).__name__
        for weight in layer.weights
        if weight.name.endswith("kernel")
    )
    return sum(math.prod(places) * math.prod(shape) for places, shape in kernels) / 1e9


# One of each kind: a width, builders that Keras exports elsewhere, a second rescaling,
# and normalisation after the pooling. The others run as slow tests.
QUICK = {"mobilenetv2-0.35", "mobilenetv3small", "efficientnetb0", "convnexttiny"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in OF_KERAS
    ],
)
def test_row_is_what_keras_asks_for(name, monkeypatch):
    keras = import_keras()
    from keras.src.utils import file_utils

    asked = []

    def get_file(fname, origin, cache_subdir, file_hash=None):
        asked.append((fname, origin, cache_subdir, file_hash))
        return fname

    monkeypatch.setattr(file_utils, "get_file", get_file)
    monkeypatch.setattr(keras.Model, "load_weights", lambda model, path: None)
    keras.backend.clear_session()
    row = BACKBONES[name]
    # Without variables: the largest would take seconds and gigabytes.
    with keras.StatelessScope(initialize_variables=False), warnings.catch_warnings():
        # MobileNetV3 knows 224 only, where this is not an issue.
        model = build(keras, row, row.image_size, "imagenet")
        assert model.output_shape == (None, row.features)
        assert round(model.count_params() / 1e6, 1) == row.parameters
        counted = multiply_adds(keras, model)
        assert counted == pytest.approx(row.multiply_adds, rel=0.02, abs=0.006)
        with pytest.raises(ValueError, match="Input size must be at least"):
            build(keras, row, row.min_size - 1, None)
    assert asked == [(row.weights_file, row.weights_url, "models", row.weights_hash)]
    assert hasattr(getattr(keras.applications, row.module), row.builder) or (
        row.module == "mobilenet_v3"  # whose builders Keras exports elsewhere
    )
    rescalings = [x for x in model.layers if isinstance(x, keras.layers.Rescaling)]
    assert row.imagenet_rescaling == (len(rescalings) == 2)
    check_layers(model, row)


def check_layers(model, row):
    """Check that each layer is the last one of its block, in the order of the blocks.

    A second layer of InceptionV3's mixed9 lies within it.
    """
    names = [layer.name for layer in model.layers if layer.name != "mixed9_1"]
    for block, end in zip(row.blocks, row.layers, strict=False):
        rest = re.compile(re.escape(block) + r"(_|[a-z]+_|$)")
        assert [name for name in names if rest.match(name)][-1] == end


@pytest.mark.parametrize("name", sorted(BACKBONES.keys() - OF_KERAS.keys()))
def test_layers_of_own_backbones_end_their_blocks(name):
    row = BACKBONES[name]
    builder = getattr(efficientnet_lite, row.builder)
    with import_keras().StatelessScope(initialize_variables=False):
        model = builder(include_top=False, weights=None, input_shape=(64, 64, 3))
    assert len(row.layers) == 7
    check_layers(model, row)


def test_all_of_keras_applications_are_there():
    keras = import_keras()
    builders = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {row.builder for row in OF_KERAS.values()} == builders
    assert all(name == row.name for name, row in BACKBONES.items())


def test_default_sizes_are_those_keras_trained_on():
    # With the classifier Keras takes its weights at one size only.
    keras = import_keras()
    for row in OF_KERAS.values():
        module = getattr(keras.applications, row.module)
        assert row.image_size >= row.min_size
        assert hasattr(module, "preprocess_input")


@pytest.mark.parametrize("name", ["ResNet50", "RESNET50", "resnet50"])
def test_names_are_found_in_any_case(name):
    assert find_backbone(name) is BACKBONES["resnet50"]


def test_width_is_a_suffix():
    assert find_backbone("mobilenetv2").alpha == 1.0
    assert find_backbone("mobilenetv2-0.35").alpha == 0.35
    assert find_backbone("MobileNetV3Large-0.75").features == 720


def test_unknown_name_gets_the_nearest():
    with pytest.raises(BackboneError) as error:
        find_backbone("resnet5")
    assert "unknown backbone 'resnet5'; did you mean 'resnet50'" in str(error.value)
    assert str(error.value).endswith("? `featx backbones` lists them")
    with pytest.raises(BackboneError, match="'zzz'; `featx backbones` lists them"):
        find_backbone("zzz")


def test_table_imports_no_framework():
    script = (
        "import sys, featx.embeddings.backbones.table\n"
        "import featx.embeddings.backbones.weights\n"
        "import featx.embeddings.engines.table\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
