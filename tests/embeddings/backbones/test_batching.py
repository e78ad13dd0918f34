"""The same file gives the same embedding, however it was batched.

The tolerance, as ||a - b|| / ||b|| of two rows of a file: 1e-5 in float32, 1e-2 in
bfloat16. On CPUs all measured backbones but ConvNeXt (1.3e-7) give the very same bits.
"""

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.extract import embed_rows
from featx.hardware import has_bfloat16
from featx.images.decoding import decode, resize
from featx.images.sources import ImageArrays

TOLERANCE = {"float32": 1e-5, "bfloat16": 1e-2}


def check(extractor, images, cache_dir):
    """Embed images alone, in batches of all sizes, and at other places in them."""

    def embed(images, size):
        folder = cache_dir / str(len(list(cache_dir.iterdir())))
        ((rows, done),) = embed_rows(
            ImageArrays(images), [extractor], folder, batch_size=size
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
    return np.stack([resize(image, (side, side)) for image in coarse])


@pytest.mark.slow
def test_batches_of_random_weights(precision, tmp_path):
    options = {"weights": "random", "image_size": 64, "precision": precision}
    extractor = find_extractor("mobilenet-0.25", **options)
    check(extractor, make_images(33, 64), tmp_path / "caches")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "convnexttiny", "efficientnetv2b0"])
def test_batches_of_deep_backbones(name, precision, tmp_path):
    options = {"weights": "random", "image_size": 64, "precision": precision}
    check(find_extractor(name, **options), make_images(33, 64), tmp_path / "caches")


@pytest.mark.slow
@pytest.mark.samples
def test_batches_of_real_weights(samples, precision, tmp_path):
    files = sorted((samples / "dogs-vs-cats").rglob("*.jpg"))[:33]
    images = np.stack([decode(file.read_bytes(), (224, 224)) for file in files])
    extractor = find_extractor("mobilenetv2-0.35", precision=precision)
    check(extractor, images, tmp_path / "caches")
