"""The engine on JAX, where it is installed: what its own module decides."""

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.backbones.weights import Weights
from featx.embeddings.engines.jax import JaxEngine, missing
from featx.frameworks import import_jax

pytestmark = pytest.mark.skipif(missing() is not None, reason="Keras isn't on JAX")

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    random = Weights("random", None, None, 0)
    return build_model(KerasExtractor(find_backbone("mobilenet-0.25"), random, 40))


class Compiler:
    """Stands where the compiled function stands; large batches end with an error."""

    def __init__(self, fits, message):
        self.fits, self.message = fits, message

    def lower(self, trainable, others, images):
        self.size = images.shape[0]
        return self

    def compile(self):
        jax, size = import_jax(), self.size

        def run(trainable, others, batch):
            if size > self.fits:
                raise jax.errors.JaxRuntimeError(self.message)
            return jax.numpy.zeros((size, 256))

        return run


def test_memory_that_runs_out(model):
    engine = JaxEngine(model)
    message = "RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes."
    engine._embed = Compiler(4, message)
    with pytest.raises(MemoryError, match="a batch of 6 images"):
        engine(IMAGES)
    assert engine(IMAGES[:3]).shape == (3, 256)


def test_other_errors_stay_what_they_are(model):
    engine = JaxEngine(model)
    engine._embed = Compiler(0, "INTERNAL: something else")
    with pytest.raises(import_jax().errors.JaxRuntimeError, match="something else"):
        engine(IMAGES)


def test_products_have_all_digits_of_float32(model):
    engine = JaxEngine(model)
    engine(IMAGES)
    asked = []
    plain = engine._embed

    class Watched:
        def lower(self, *arguments):
            lowered = plain.lower(*arguments)
            asked.append(lowered.as_text())
            return lowered

    engine._embed = Watched()
    engine._compile(2)
    (text,) = asked
    assert "precision HIGHEST" in text
    assert "precision DEFAULT" not in text
