"""The precision is measured, decided once per spec, and followed from then on."""

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from featx import hardware as machine
from featx.embeddings import precision
from featx.embeddings.backbones import tensorflow_engine
from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.extract import embed_rows
from featx.embeddings.precision import LEAST_COSINE, LEAST_SPEEDUP, choose_precision
from featx.errors import BackboneError
from featx.frameworks import import_tensorflow
from featx.images.sources import ImageArrays, ImageFiles

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
SOURCE = ImageArrays(IMAGES)
OPTION = "auto_mixed_precision_onednn_bfloat16"

needs_bfloat16 = pytest.mark.skipif(
    not machine.has_bfloat16(), reason="this CPU has no bfloat16"
)


@pytest.fixture
def small(tmp_path):
    return find_extractor(
        "mobilenet-0.25", image_size=32, weights="random", cache_dir=tmp_path
    )


@dataclass
class Clock:
    """Takes the place of `time`; each engine advances it by a given time."""

    now: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    def perf_counter(self):
        return self.now


@pytest.fixture
def fake(monkeypatch):
    """Engines of a chosen speed and error in place of TensorFlow's."""
    clock = Clock()
    monkeypatch.setattr(precision, "time", clock)
    monkeypatch.setattr(tensorflow_engine, "faster_precision", lambda: "bfloat16")

    def set_up(*, speedup, noise):
        clock.seconds = {"float32": 0.01, "bfloat16": 0.01 / speedup}

        def open_(self):
            rng = np.random.default_rng(1)

            class Engine:
                dim, batch_size = 500, 32

                def __call__(self, batch):
                    clock.now += clock.seconds[own] * len(batch)
                    rows = batch.reshape(len(batch), -1)[:, :500].astype(np.float32)
                    if own == "float32":
                        return rows
                    return rows + noise * rng.normal(size=rows.shape) * rows.std()

            own = self.precision
            return Engine()

        monkeypatch.setattr(precision.KerasExtractor, "open", open_)

    return set_up


@pytest.mark.parametrize(
    ("speedup", "noise", "decided", "reason"),
    [
        (2.0, 0.0, "bfloat16", ", 2.00 times as fast as float32 here, with nearly the"),
        (LEAST_SPEEDUP + 0.01, 0.0, "bfloat16", ", 1.16 times as fast as float32"),
        (LEAST_SPEEDUP - 0.01, 0.0, "float32", "; bfloat16 is only 1.14 times as"),
        (2.0, 0.2, "float32", "; bfloat16 is 2.00 times as fast here, but changes the"),
        (2.0, np.nan, "float32", "; bfloat16 is 2.00 times as fast here, but changes"),
    ],
)
def test_the_faster_is_taken_where_it_pays_and_agrees(
    small, fake, tmp_path, caplog, speedup, noise, decided, reason
):
    caplog.set_level(logging.DEBUG, "featx")
    fake(speedup=speedup, noise=noise)
    chosen, note = choose_precision(small, SOURCE, tmp_path)
    assert chosen.precision == decided
    # float32 is what users expect; the log has the reason.
    assert (note is None) == (decided == "float32")
    said = note or caplog.text
    assert f"mobilenet-0.25 at 32 pixels: {decided}{reason}" in said
    content = json.loads((tmp_path / chosen.spec.folder_name / "spec.json").read_text())
    choice = content["precision_check"]
    assert choice["tried"] == "bfloat16"
    assert (choice["cosine"] >= LEAST_COSINE) == (noise == 0)
    assert choice["tried_rate"] / choice["float32_rate"] == pytest.approx(
        speedup, rel=0.01
    )


def test_it_is_decided_once_and_the_flipped_view_follows(small, fake, tmp_path):
    fake(speedup=2.0, noise=0.0)
    choose_precision(small, SOURCE, tmp_path)
    fake(speedup=0.5, noise=0.0)
    for extractor in (small, small.flipped()):
        assert choose_precision(extractor, SOURCE, tmp_path)[0].precision == "bfloat16"
        assert choose_precision(extractor, SOURCE, tmp_path)[1] is None
    other = replace(small, image_size=40)
    assert choose_precision(other, SOURCE, tmp_path)[0].precision == "float32"


def test_what_was_asked_for_before_is_followed(small, fake, tmp_path):
    fake(speedup=2.0, noise=0.0)
    asked = replace(small, precision="float32")
    assert choose_precision(asked, SOURCE, tmp_path) == (asked, None)
    embed_rows(SOURCE, [asked], tmp_path)
    assert choose_precision(small, SOURCE, tmp_path)[0].precision == "float32"


def test_a_machine_without_faster_arithmetic(small, monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "featx")
    monkeypatch.setattr(tensorflow_engine, "faster_precision", lambda: None)
    chosen, note = choose_precision(small, SOURCE, tmp_path)
    assert chosen.precision == "float32"
    assert note is None
    assert "nothing faster" in caplog.text


def test_images_that_cannot_be_read_decide_nothing(small, fake, tmp_path):
    fake(speedup=2.0, noise=0.0)
    broken = tmp_path / "x.png"
    broken.write_text("no image")
    source = ImageFiles([broken])
    assert choose_precision(small, source, tmp_path)[0].precision == "float32"


def test_float16_takes_a_gpu(small):
    if import_tensorflow().config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    with pytest.raises(BackboneError, match="float16: takes a GPU"):
        replace(small, precision="float16").open()


def test_bfloat16_takes_a_cpu_that_has_it(small, monkeypatch):
    monkeypatch.setattr(tensorflow_engine, "has_bfloat16", lambda: False)
    with pytest.raises(BackboneError, match="no instructions for it"):
        replace(small, precision="bfloat16").open()


@needs_bfloat16
def test_bfloat16_computes_otherwise_and_leaves_no_trace(small):
    options = import_tensorflow().config.optimizer
    reference = replace(small, precision="float32").open()
    before = reference(IMAGES)
    fast = replace(small, precision="bfloat16").open()(IMAGES)
    assert not np.array_equal(fast, before)
    cosines = (fast * before).sum(1) / np.linalg.norm(fast, axis=1)
    assert (cosines / np.linalg.norm(before, axis=1)).min() > 0.99
    assert not options.get_experimental_options().get(OPTION)
    np.testing.assert_array_equal(reference(IMAGES), before)


@needs_bfloat16
def test_threads_of_other_arithmetic_do_not_mix(small):
    engines = [replace(small, precision=p).open() for p in ("float32", "bfloat16")]
    expected = [engine(IMAGES) for engine in engines]
    assert not np.array_equal(*expected)

    def run(turn):
        np.testing.assert_array_equal(engines[turn % 2](IMAGES), expected[turn % 2])

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(run, range(80)))) == 80


@pytest.mark.slow
@needs_bfloat16
def test_resnet50_in_bfloat16_gives_the_same_embeddings(tmp_path):
    extractor = find_extractor("resnet50", image_size=64, weights="random")
    images = np.random.default_rng(1).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    choice = precision._decide(extractor, images)
    assert choice.cosine > LEAST_COSINE


def test_keras_policies_keep_rows_float32():
    # What a GPU runs; here on the CPU, which computes it slowly.
    extractor = find_extractor("mobilenet-0.25", image_size=32, weights="random")
    rows = [
        tensorflow_engine.TensorFlowEngine(build_model(extractor, policy))(IMAGES)
        for policy in ("float32", "mixed_bfloat16")
    ]
    assert rows[1].dtype == np.float32
    assert not np.array_equal(*rows)
    np.testing.assert_allclose(rows[1], rows[0], rtol=0.1, atol=0.1 * rows[0].max())


@pytest.mark.slow
@pytest.mark.samples
@needs_bfloat16
def test_real_weights_keep_to_the_choice(samples, tmp_path):
    if "KERAS_HOME" not in os.environ:
        pytest.skip("KERAS_HOME names no folder with ImageNet weights")
    files = sorted((samples / "dogs-vs-cats").rglob("*.jpg"))[:40]
    auto = find_extractor("mobilenetv2-0.35", cache_dir=tmp_path)
    ((rows, done),) = embed_rows(ImageFiles(files), [auto], tmp_path)
    exact = replace(auto, precision="float32")
    ((expected, _),) = embed_rows(ImageFiles(files), [exact], tmp_path)
    cosines = (rows * expected).sum(1)
    cosines /= np.linalg.norm(rows, axis=1) * np.linalg.norm(expected, axis=1)
    assert cosines.mean() >= LEAST_COSINE
    assert bool(done.notes) == (done.spec.precision != "float32")
