"""Resizing inside of a model gives featx's own pixels."""

import io
import tempfile
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from featx.export.resizing import to_square
from featx.export.tflite import open_tflite, write_tflite
from featx.frameworks import import_keras, import_tensorflow
from featx.images.decoding import decode

SIDE = 24


def draw(height, width):
    """Draw an image of blurred noise."""
    rng = np.random.default_rng(height * 1000 + width)
    coarse = rng.integers(0, 256, (height // 3 + 2, width // 3 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def build(way):
    """Return the operations as a model."""
    keras = import_keras()
    photos = keras.Input((None, None, 3), dtype="uint8", name="photos")
    return keras.Model(photos, to_square(photos, SIDE, way))


@cache
def resizer(way):
    """Return the model as it was saved and loaded, in one graph for all sizes."""
    keras, tf, model = import_keras(), import_tensorflow(), build(way)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        loaded = keras.saving.load_model(f"{folder}/model.keras", safe_mode=True)
    any_size = tf.TensorSpec((1, None, None, 3), tf.uint8)
    graph = tf.function(loaded, input_signature=[any_size])
    return lambda photos: np.asarray(graph(photos))


def differences(pixels, way, resize=None):
    """Return how far each number is from featx's, for a photo saved without loss."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    expected = decode(content.getvalue(), (SIDE, SIDE), way)
    (found,) = (resize or resizer(way))(pixels[None])
    assert found.dtype == np.uint8
    return np.abs(found.astype(int) - expected)


@pytest.mark.parametrize("way", ["squash", "crop", "pad"])
@given(height=st.integers(1, 260), width=st.integers(1, 260))
def test_any_size_becomes_the_same_square(way, height, width):
    assume(way != "pad" or height <= 2 * width)
    found = differences(draw(height, width), way)
    # Pillow rounds after the columns and after the rows, and seldom that adds up.
    assert found.max() <= (1 if way == "squash" else 2)
    assert (found > 1).sum() <= 2
    assert (found > 0).mean() < 0.02


@pytest.mark.parametrize("way", ["squash", "crop", "pad"])
@pytest.mark.parametrize(
    "size", [(SIDE, SIDE), (2 * SIDE, 2 * SIDE), (8 * SIDE + 5, 20 * SIDE), (1, 300)]
)
def test_edges_of_what_is_made_smaller_first(way, size):
    found = differences(draw(*size), way)
    assert found.max() <= 1
    assert (found > 0).mean() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("way", ["squash", "crop", "pad"])
def test_float16_leaves_the_pixels(way, tmp_path):
    file = tmp_path / "model.tflite"
    write_tflite(build(way), file, "float16")
    predict = open_tflite(file)
    found = differences(draw(150, 110), way, lambda pixels: predict({"photos": pixels}))
    assert found.max() <= 1
    assert (found > 0).mean() < 0.02
