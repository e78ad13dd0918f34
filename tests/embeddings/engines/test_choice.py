"""Precision and engine are measured, decided once per spec, and followed after."""

import json
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from types import ModuleType

import numpy as np
import pytest

from featx import hardware as machine
from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.cache.models import model_path
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.engines import choice, trials
from featx.embeddings.engines import tensorflow as tensorflow_engine
from featx.embeddings.engines.choice import choose_engine, choose_precision
from featx.embeddings.engines.table import ENGINES
from featx.embeddings.engines.trials import LEAST_COSINE, LEAST_SPEEDUP
from featx.embeddings.extract import embed_rows
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
    lock: Lock = field(default_factory=Lock)

    def perf_counter(self):
        return self.now

    def spend(self, seconds):
        with self.lock:
            self.now += seconds


class Fake:
    """The module of an engine of a chosen speed, whose rows have a chosen error.

    Parameters
    ----------
    speed : dict of str to float
        Images per second by precision.
    noise : dict of str to float
        Of the rows, relative to their standard deviation.
    """

    def __init__(self, name, clock, speed, noise=None):
        self.name, self.clock, self.speed, self.noise = name, clock, speed, noise or {}
        self.opened = 0

    def missing(self):
        return None

    def uses_gpu(self):
        return False

    def precisions(self):
        return tuple(self.speed)

    def open_engine(self, extractor):
        own, outer = extractor.precision, self
        self.opened += 1
        rng = np.random.default_rng(1)

        class Engine:
            name, dim, batch_size = outer.name, 500, 32

            def __call__(self, batch):
                outer.clock.spend(len(batch) / outer.speed[own])
                rows = batch.reshape(len(batch), -1)[:, :500].astype(np.float32)
                error = outer.noise.get(own, 0) * rng.normal(size=rows.shape)
                return (rows + error * rows.std()).astype(np.float32)

        return Engine()


class Broken(Fake):
    """An engine that can't run the backbone."""

    def open_engine(self, extractor):
        self.opened += 1
        raise BackboneError("an operation is missing")


@pytest.fixture
def engines(monkeypatch):
    """Replace engines by such as `Fake`; those that aren't named are missing."""
    clock = Clock()
    monkeypatch.setattr(trials, "time", clock)

    def set_up(**made):
        fakes = {name: make(name, clock) for name, make in made.items()}
        for name in ENGINES:
            module = ModuleType(f"fake_{name}")
            module.missing = lambda: "install it"
            for function in ("missing", "uses_gpu", "precisions", "open_engine"):
                if name in fakes:
                    setattr(module, function, getattr(fakes[name], function))
            monkeypatch.setitem(sys.modules, module.__name__, module)
            monkeypatch.setitem(ENGINES, name, module.__name__)
        return fakes

    return set_up


def fake(speed, noise=None, kind=Fake):
    return lambda name, clock: kind(name, clock, speed, noise)


FAST = fake({"float32": 250, "bfloat16": 400})


def precisions(speedup, noise=0.0):
    """Return an engine of Keras' backend whose bfloat16 is so much faster."""
    speed = {"float32": 100, "bfloat16": 100 * speedup}
    return {"tensorflow": fake(speed, {"bfloat16": noise})}


@pytest.mark.parametrize(
    ("speedup", "noise", "decided", "reason"),
    [
        (2.0, 0.0, "bfloat16", ", 2.00 times as fast as tensorflow in float32 here,"),
        (LEAST_SPEEDUP + 0.01, 0.0, "bfloat16", ", 1.16 times as fast as"),
        (LEAST_SPEEDUP - 0.01, 0.0, "float32", "; tensorflow in bfloat16 is 1.14 tim"),
        (2.0, 0.2, "float32", "; tensorflow in bfloat16 is 2.00 times as fast as"),
        (2.0, np.nan, "float32", "; tensorflow in bfloat16 is 2.00 times as fast as"),
    ],
)
def test_the_faster_is_taken_where_it_pays_and_agrees(
    small, engines, tmp_path, caplog, speedup, noise, decided, reason
):
    caplog.set_level(logging.DEBUG, "featx")
    engines(**precisions(speedup, noise))
    chosen, note = choose_precision(small, SOURCE, tmp_path)
    assert chosen.precision == decided
    # float32 is what users expect; the log has the reason.
    assert (note is None) == (decided == "float32")
    said = note or caplog.text
    assert f"mobilenet-0.25 at 32 pixels: tensorflow in {decided}{reason}" in said
    content = json.loads((tmp_path / chosen.spec.folder_name / "spec.json").read_text())
    exact, fast = content["engine_check"][machine.machine_kind()]["tried"]
    assert (exact["precision"], fast["precision"]) == ("float32", "bfloat16")
    assert (fast["cosine"] >= LEAST_COSINE) == (noise == 0)
    assert fast["rate"] / exact["rate"] == pytest.approx(speedup, rel=0.01)


def test_it_is_decided_once_and_the_flipped_view_follows(small, engines, tmp_path):
    engines(**precisions(2.0))
    choose_precision(small, SOURCE, tmp_path)
    engines(**precisions(0.5))
    for extractor in (small, small.flipped()):
        assert choose_precision(extractor, SOURCE, tmp_path)[0].precision == "bfloat16"
        assert choose_precision(extractor, SOURCE, tmp_path)[1] is None
    other = replace(small, image_size=40)
    assert choose_precision(other, SOURCE, tmp_path)[0].precision == "float32"


def test_the_choice_of_an_older_version_is_followed(small, engines, tmp_path):
    engines(**precisions(0.5))
    cache = EmbeddingCache(tmp_path, replace(small, precision="bfloat16").spec)
    with cache.writable({"precision_check": {"precision": "bfloat16"}}):
        pass
    assert choose_precision(small, SOURCE, tmp_path)[0].precision == "bfloat16"


def test_what_was_asked_for_before_is_followed(small, engines, tmp_path):
    engines(**precisions(2.0))
    asked = replace(small, precision="float32")
    assert choose_precision(asked, SOURCE, tmp_path) == (asked, None)
    embed_rows(SOURCE, [asked], tmp_path)
    assert choose_precision(small, SOURCE, tmp_path)[0].precision == "float32"


def test_what_was_chosen_comes_before_what_was_asked_for(small, engines, tmp_path):
    engines(**precisions(2.0), litert=fake({"float32": 300}))
    assert choose_precision(small, SOURCE, tmp_path)[0].precision == "bfloat16"
    asked = replace(small, precision="float32", engine="litert")
    embed_rows(SOURCE, [asked], tmp_path)
    assert choose_precision(small, SOURCE, tmp_path)[0].precision == "bfloat16"


def test_a_machine_without_faster_arithmetic(small, engines, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "featx")
    engines(tensorflow=fake({"float32": 100}))
    chosen, note = choose_precision(small, SOURCE, tmp_path)
    assert chosen.precision == "float32"
    assert note is None
    assert "nothing else was tried" in caplog.text


def test_images_that_cannot_be_read_decide_nothing(small, engines, tmp_path):
    engines(**precisions(2.0))
    broken = tmp_path / "x.png"
    broken.write_text("no image")
    source = ImageFiles([broken])
    assert choose_precision(small, source, tmp_path)[0].precision == "float32"


SLOW = {"float32": 0.5}
"""So slow that a dozen images take long enough to try other engines."""


def pretend_converted(extractor, cache_dir):
    path = model_path(cache_dir, extractor.spec)
    path.parent.mkdir(exist_ok=True)
    path.touch()


def test_another_engine_is_taken_where_it_pays_and_agrees(small, engines, tmp_path):
    made = engines(
        tensorflow=fake(SLOW),
        litert=fake({"float32": 2}, {"float32": 1e-3}),
        openvino=fake({"float32": 1, "bfloat16": 1.1}),
    )
    chosen, note = choose_precision(small, SOURCE, tmp_path)
    # LiteRT is faster, but its embeddings differ; bfloat16 gains too little.
    assert (chosen.engine, chosen.precision) == ("openvino", "float32")
    assert note.endswith(
        "times as fast as tensorflow in float32 here, with the same embeddings"
    )
    opened = {name: one.opened for name, one in made.items()}
    pretend_converted(chosen, tmp_path)
    kept, note = choose_engine(replace(chosen, engine="auto"), SOURCE, [0], tmp_path)
    assert (kept.engine, note) == ("openvino", None)
    assert {name: one.opened for name, one in made.items()} == opened


def test_few_images_are_not_worth_a_trial(small, engines, tmp_path):
    made = engines(tensorflow=fake({"float32": 100}), litert=FAST)
    asked = replace(small, precision="float32")
    chosen, _ = choose_engine(asked, SOURCE, range(12), tmp_path)
    assert chosen.engine == "tensorflow"
    assert made["litert"].opened == 0
    # Many images are, even if few came first.
    many = ImageArrays(np.concatenate([IMAGES] * 200))
    chosen, _ = choose_engine(asked, many, range(2400), tmp_path)
    assert chosen.engine == "litert"
    # And what was found is good for few, but for the time that converting takes.
    assert choose_engine(asked, SOURCE, [0], tmp_path)[0].engine == "tensorflow"
    pretend_converted(asked, tmp_path)
    assert choose_engine(asked, SOURCE, [0], tmp_path)[0].engine == "litert"


def test_a_sample_is_embedded_as_all_images_would_be(small, engines, tmp_path):
    asked = replace(small, precision="float32")
    engines(tensorflow=fake({"float32": 100}), litert=FAST)
    ((_, one),) = embed_rows(SOURCE, [asked], tmp_path, count=2400)
    assert "litert in float32" in one.notes[0]


def test_where_there_is_no_choice_nothing_is_opened(small, engines, tmp_path):
    made = engines(tensorflow=fake({"float32": 100, "bfloat16": 200}))
    for precision in ("float32", "bfloat16"):
        asked = replace(small, precision=precision)
        chosen, note = choose_engine(asked, SOURCE, range(12), tmp_path)
        assert (chosen.engine, chosen.precision) == ("tensorflow", precision)
        assert note is None
    assert made["tensorflow"].opened == 0


def test_an_engine_that_is_installed_later_is_tried(small, engines, tmp_path):
    asked = replace(small, precision="float32")
    engines(tensorflow=fake(SLOW), litert=fake({"float32": 1}))
    assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == "litert"
    engines(
        tensorflow=fake(SLOW),
        litert=fake({"float32": 1}),
        openvino=fake({"float32": 2}),
    )
    assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == "openvino"
    engines(tensorflow=fake(SLOW), litert=fake({"float32": 1}))
    assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == "litert"


def test_an_engine_that_fails_is_not_tried_again(small, engines, tmp_path):
    asked = replace(small, precision="float32")
    made = engines(tensorflow=fake(SLOW), litert=fake({"float32": 1}, kind=Broken))
    for _ in range(2):
        assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == (
            "tensorflow"
        )
    assert made["litert"].opened == 1


def test_another_machine_chooses_anew(small, engines, tmp_path, monkeypatch):
    asked = replace(small, precision="float32")
    engines(tensorflow=fake(SLOW), litert=fake({"float32": 1}))
    assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == "litert"
    monkeypatch.setattr(choice, "machine_kind", lambda: "another")
    engines(tensorflow=fake(SLOW), litert=fake({"float32": 0.1}))
    assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == "tensorflow"
    spec = json.loads((tmp_path / asked.spec.folder_name / "spec.json").read_text())
    assert {k: v["engine"] for k, v in spec["engine_check"].items()} == {
        machine.machine_kind(): "litert",
        "another": "tensorflow",
    }


def test_an_engine_that_is_asked_for_is_checked_once(small, engines, tmp_path):
    made = engines(
        tensorflow=fake({"float32": 100}),
        litert=fake({"float32": 10}),
        openvino=fake({"float32": 500}, {"float32": 1e-3}),
    )
    asked = replace(small, precision="float32", engine="litert")
    for _ in range(2):
        assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == "litert"
    assert made["litert"].opened == 1
    wrong = replace(small, precision="float32", engine="openvino")
    with pytest.raises(
        BackboneError, match="--engine openvino: its embeddings in float32 differ"
    ):
        choose_engine(wrong, SOURCE, range(12), tmp_path)


def test_a_precision_that_the_engine_lacks(small, engines, tmp_path):
    engines(**precisions(2.0), litert=fake({"float32": 100}))
    asked = replace(small, precision="bfloat16", engine="litert")
    with pytest.raises(BackboneError, match="litert: doesn't compute in bfloat16 on"):
        choose_engine(asked, SOURCE, range(12), tmp_path)
    # Left open, it is what the engine has, whatever the cache has.
    assert choose_precision(small, SOURCE, tmp_path)[0].precision == "bfloat16"
    open_ = replace(small, engine="litert")
    assert choose_precision(open_, SOURCE, tmp_path)[0].precision == "float32"


def test_a_damaged_choice_is_made_again(small, engines, tmp_path):
    asked = replace(small, precision="float32")
    engines(tensorflow=fake(SLOW), litert=fake({"float32": 1}))
    for damage in ([], {"engine": "litert"}, {"engine": 1, "tried": [{}]}, "x"):
        cache = EmbeddingCache(tmp_path, asked.spec)
        with cache.writable({"engine_check": {machine.machine_kind(): damage}}):
            pass
        assert choose_engine(asked, SOURCE, range(12), tmp_path)[0].engine == "litert"


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
    found = trials.measure(extractor, images, len(images))
    assert found.tried[1].cosine > LEAST_COSINE


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


def test_an_engine_without_a_converted_backbone_is_left_out(
    small, engines, tmp_path, monkeypatch
):
    fakes = engines(
        tensorflow=fake({"float32": 1}), litert=FAST, openvino=fake({"float32": 2})
    )
    monkeypatch.setattr(trials, "is_convertible", lambda one: one.models is None)
    opened = replace(small, precision="float32")
    chosen, _ = choose_engine(opened, SOURCE, range(12), tmp_path)
    assert chosen.engine == "tensorflow"
    assert fakes["litert"].opened == fakes["openvino"].opened == 0


def test_a_precision_that_nothing_computes_in(small, engines, tmp_path):
    engines(tensorflow=fake({"float32": 100}))
    wanted = replace(small, precision="bfloat16")
    message = "--precision bfloat16: tensorflow doesn't compute in it on this machine"
    with pytest.raises(BackboneError, match=message):
        choose_engine(wanted, SOURCE, range(12), tmp_path)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_a_precision_that_is_settled_is_used_for_other_images(
    small, engines, tmp_path, noise
):
    engines(
        **precisions(2.0, noise),
        openvino=fake({"float32": 100, "bfloat16": 900}, {"bfloat16": 0.3}),
    )
    settled = replace(small, precision="bfloat16")
    chosen, note = choose_engine(settled, SOURCE, range(12), tmp_path, count=10**6)
    assert (chosen.engine, chosen.precision) == ("tensorflow", "bfloat16")
    # Whether it suits these images is said.
    assert ("but changes the embeddings" in note) == (noise > 0)
