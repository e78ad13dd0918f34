"""Batches: which are refused, which sizes suit, and how they are filled up."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.engines.batches import (
    PaddedRuns,
    gpu_precisions,
    largest_map,
    policy_of,
    suitable_batch,
)
from featx.embeddings.engines.tensorflow import _largest_map, _trace
from featx.errors import BackboneError
from featx.frameworks import import_tensorflow


class Compiler:
    """Compiles nothing: a row is the sum of an image. Large batches don't fit."""

    def __init__(self, fits=1 << 20):
        self.fits, self.compiled, self.ran = fits, [], []

    def __call__(self, size):
        self.compiled.append(size)

        def run(batch):
            assert len(batch) == size
            self.ran.append(size)
            if size > self.fits:
                raise MemoryError
            return batch.sum(axis=(1, 2, 3), dtype=np.float32)[:, None]

        return run


def images(count):
    return np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)


def rows(count):
    return images(count).sum(axis=(1, 2, 3), dtype=np.float32)[:, None]


def test_batches_are_filled_up_to_a_power_of_two():
    compiler = Compiler()
    runs = PaddedRuns(compiler)
    for count in (1, 3, 4, 5):
        np.testing.assert_array_equal(runs(images(count)), rows(count))
    assert compiler.ran == [1, 4, 4, 8]


def test_a_size_that_is_compiled_is_used_again():
    compiler = Compiler()
    runs = PaddedRuns(compiler)
    for count in (13, 2, 16, 1):
        np.testing.assert_array_equal(runs(images(count)), rows(count))
    assert compiler.compiled == [16]


def test_threads_compile_a_size_once():
    compiler = Compiler()
    runs = PaddedRuns(compiler)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(runs, [images(7)] * 20):
            np.testing.assert_array_equal(found, rows(7))
    assert compiler.compiled == [8]


def test_what_does_not_fit_is_not_tried_again():
    compiler = Compiler(fits=4)
    runs = PaddedRuns(compiler)
    with pytest.raises(MemoryError, match="a batch of 9 images"):
        runs(images(9))
    with pytest.raises(MemoryError):
        runs(images(9))
    assert compiler.ran == [16]
    # Filled up, it didn't fit; with fewer black images it does.
    np.testing.assert_array_equal(runs(images(3)), rows(3))
    assert compiler.ran == [16, 4]


def test_one_image_fits_where_a_larger_size_did_not():
    compiler = Compiler()
    runs = PaddedRuns(compiler)
    runs(images(8))
    compiler.fits = 1  # another process has taken the memory meanwhile
    np.testing.assert_array_equal(runs(images(1)), rows(1))
    assert compiler.ran[-1] == 1
    compiler.fits = 0
    with pytest.raises(MemoryError):
        runs(images(1))


def test_batches_suit_the_memory():
    assert suitable_batch(largest_map=1 << 20, memory=1 << 40, most=32) == 32
    # A fifth of a GiB for batches of four maps of 3 MiB each.
    assert suitable_batch(largest_map=3 << 20, memory=1 << 30, most=256) == 16
    assert suitable_batch(largest_map=1 << 30, memory=1 << 20, most=32) == 1


def test_the_largest_map_is_that_of_the_graph():
    extractor = find_extractor("mobilenetv2-0.35", image_size=64, weights="random")
    model = build_model(extractor)
    graph = _trace(import_tensorflow(), model, freeze=True)
    assert largest_map(model) == _largest_map(graph) == 4 * 33 * 33 * 48


def test_precisions():
    assert gpu_precisions((9, 0)) == ("float32", "bfloat16")
    assert gpu_precisions((7, 5)) == ("float32", "float16")
    assert gpu_precisions((6, 1)) == ("float32",)
    assert policy_of("float32", "JAX", on_gpu=False) == "float32"
    assert policy_of("bfloat16", "JAX", on_gpu=True) == "mixed_bfloat16"
    with pytest.raises(BackboneError, match="takes a GPU, and JAX finds none"):
        policy_of("bfloat16", "JAX", on_gpu=False)
