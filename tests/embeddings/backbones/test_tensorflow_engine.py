"""The engine computes what its model computes, for any number of images."""

from dataclasses import replace

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.backbones.tensorflow_engine import TensorFlowEngine, is_frozen
from featx.embeddings.backbones.weights import Weights
from featx.errors import BackboneError
from featx.frameworks import import_tensorflow

BACKBONE = find_backbone("mobilenet-0.25")
RANDOM = Weights("random", None, None, 0)


@pytest.fixture(scope="module")
def model():
    return build_model(BACKBONE, RANDOM, image_size=(40, 48))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 40, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("freeze", [True, False])
def test_engine_equals_its_model(model, images, freeze):
    engine = TensorFlowEngine(model, freeze=freeze)
    rows = engine(images)
    assert engine.dim == BACKBONE.features
    assert rows.dtype == np.float32
    assert rows.shape == (5, engine.dim)
    np.testing.assert_allclose(rows, model(images), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("freeze", [True, False])
def test_batches_may_differ_in_number(model, images, freeze):
    engine = TensorFlowEngine(model, freeze=freeze)
    whole = engine(images)
    for count in (0, 1, 3):
        rows = engine(images[:count])
        assert rows.shape == (count, engine.dim)
        np.testing.assert_allclose(rows, whole[:count], rtol=1e-4, atol=1e-6)


def test_images_of_another_size_or_type_are_refused(model, images):
    engine = TensorFlowEngine(model)
    for wrong in (images[:, :32], images[0], images.astype(np.float32)):
        with pytest.raises(ValueError, match=r"uint8 \(N, 40, 48, 3\), not"):
            engine(wrong)


def test_frozen_weights_are_constants(model):
    tf = import_tensorflow()
    assert TensorFlowEngine(model)._graph.variables == ()
    assert len(TensorFlowEngine(model, freeze=False)._graph.variables) > 0
    assert tf.executing_eagerly()


def test_extractors_open_their_engine():
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    extractor = KerasExtractor(BACKBONE, RANDOM, 40)
    assert extractor.open()(images).shape == (5, 256)
    inner = replace(extractor, pooling="max", layer="conv_pw_6_relu").open()
    assert inner(images).shape == (5, inner.dim) == (5, 128)
    with pytest.raises(BackboneError, match="has no layer"):
        replace(extractor, layer="nothing").open()


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        ("mobilenet-0.25", True),
        ("nasnetlarge", True),
        ("efficientnetv2l", False),
        ("convnextsmall", True),
        ("convnextbase", False),
        ("convnextxlarge", False),
    ],
)
def test_large_backbones_are_not_frozen(name, frozen):
    assert is_frozen(find_backbone(name)) == frozen
