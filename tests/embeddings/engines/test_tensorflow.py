"""The engine computes what its model computes, for any number of images.

The same file gives the same embedding, however it was batched. The tolerance, as
||a - b|| / ||b|| of two rows of a file, is 1e-5 in float32 and 1e-2 in bfloat16. On
CPUs all measured backbones but ConvNeXt (1.3e-7) give the very same bits.
"""

from dataclasses import replace

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import KerasExtractor, find_extractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.backbones.weights import Weights
from featx.embeddings.engines.tensorflow import TensorFlowEngine, is_frozen
from featx.embeddings.extract import embed_rows
from featx.errors import BackboneError
from featx.frameworks import import_tensorflow
from featx.hardware import has_bfloat16
from featx.images.decoding import decode
from featx.images.resizing import Fit, resize
from featx.images.sources import ImageArrays

BACKBONE = find_backbone("mobilenet-0.25")
RANDOM = Weights("random", None, None, 0)


@pytest.fixture(scope="module")
def model():
    return build_model(KerasExtractor(BACKBONE, RANDOM, 40))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 40, 40, 3), dtype=np.uint8)


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
        with pytest.raises(ValueError, match=r"uint8 \(N, 40, 40, 3\), not"):
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


TOLERANCE = {"float32": 1e-5, "bfloat16": 1e-2}


class Opened:
    """An extractor whose engine is built once: a deep backbone's takes seconds."""

    def __init__(self, extractor):
        self.spec, self.engine = extractor.spec, extractor.open()
        self.dim = self.engine.dim

    def open(self):
        return self.engine


def check(extractor, images, cache_dir):
    """Embed images alone, in batches of all sizes, and at other places in them."""
    opened = Opened(extractor)

    def embed(images, size):
        folder = cache_dir / str(len(list(cache_dir.iterdir())))
        ((rows, done),) = embed_rows(
            ImageArrays(images), [opened], folder, batch_size=size
        )
        assert done.computed == len(images)
        return rows

    cache_dir.mkdir()
    alone = embed(images, 1)
    others = [embed(images, size) for size in (2, 7, 32)]
    others.append(embed(images[::-1], 32)[::-1])
    order = np.random.default_rng(0).permutation(len(images))
    others.append(embed(images[order], 5)[np.argsort(order)])
    norms = np.linalg.norm(alone, axis=1)
    assert (norms > 0).all()
    for rows in others:
        errors = np.linalg.norm(rows - alone, axis=1) / norms
        assert errors.max() <= TOLERANCE[extractor.precision]


@pytest.fixture(params=["float32", "bfloat16"])
def precision(request):
    if request.param == "bfloat16" and not has_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    return request.param


def make_images(count, side):
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return np.stack([resize(image, Fit(side, side)) for image in coarse])


@pytest.mark.slow
def test_batches_of_random_weights(precision, tmp_path):
    options = {"weights": "random", "image_size": 64, "precision": precision}
    extractor = find_extractor("mobilenet-0.25", **options)
    check(extractor, make_images(33, 64), tmp_path / "caches")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "convnexttiny", "efficientnetv2b0"])
def test_batches_of_deep_backbones(name, precision, tmp_path):
    options = {"weights": "random", "image_size": 32, "precision": precision}
    check(find_extractor(name, **options), make_images(33, 32), tmp_path / "caches")


@pytest.mark.slow
@pytest.mark.samples
def test_batches_of_real_weights(samples, precision, tmp_path):
    files = sorted((samples / "dogs-vs-cats").rglob("*.jpg"))[:33]
    images = np.stack([decode(file.read_bytes(), (224, 224)) for file in files])
    extractor = find_extractor("mobilenetv2-0.35", precision=precision)
    check(extractor, images, tmp_path / "caches")
