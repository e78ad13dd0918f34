"""The engine on PyTorch, where it is installed: what its own module decides."""

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.backbones.weights import Weights
from featx.embeddings.engines.torch import TorchEngine, missing
from featx.frameworks import import_torch

pytestmark = pytest.mark.skipif(missing() is not None, reason="Keras isn't on PyTorch")

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine():
    random = Weights("random", None, None, 0)
    return TorchEngine(
        build_model(KerasExtractor(find_backbone("mobilenet-0.25"), random, 40))
    )


def test_tensors_on_the_device_are_taken(engine):
    tensors = import_torch().from_numpy(IMAGES)
    np.testing.assert_array_equal(engine(tensors), engine(IMAGES))


def test_what_is_compiled_is_seen_in_one_piece(engine, monkeypatch):
    torch = import_torch()
    pieces = []

    def compile_nothing(graph, example):
        pieces.append(graph)
        return graph.forward

    real = torch.compile
    monkeypatch.setattr(
        torch,
        "compile",
        lambda run, **options: real(run, backend=compile_nothing, **options),
    )
    run = engine._compile(len(IMAGES))
    np.testing.assert_allclose(run(IMAGES), engine(IMAGES), rtol=1e-5)
    assert len(pieces) == 1


def test_a_model_that_cannot_be_compiled_runs_as_it_is(engine, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(import_torch(), "compile", fail)
    run = engine._compile(len(IMAGES))
    np.testing.assert_array_equal(run(IMAGES), engine(IMAGES))
