"""Another engine is a module and a row of the table."""

import logging
import sys
from dataclasses import replace
from types import ModuleType
from typing import get_args

import numpy as np

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.engines import choice, trials
from featx.embeddings.engines.table import ENGINES, EngineName
from featx.embeddings.extract import embed_rows
from featx.images.sources import ImageArrays


class MeanColours:
    name, dim, batch_size = "mean_colours", 3, 8

    def __call__(self, batch):
        return batch.mean(axis=(1, 2)).astype(np.float32)


def test_every_row_can_be_asked_for():
    assert get_args(EngineName) == ("auto", *ENGINES)


def test_an_engine_is_a_module_and_a_row(monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "featx")
    module = ModuleType("mean_colours")
    module.open_engine = lambda _: MeanColours()
    module.missing = lambda: None
    module.uses_gpu = lambda: False
    module.precisions = lambda: ("float32",)
    monkeypatch.setitem(sys.modules, "mean_colours", module)
    monkeypatch.setitem(ENGINES, "mean_colours", "mean_colours")
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    extractor = find_extractor("mobilenet-0.25", image_size=32, weights="random")
    for user in (choice, trials):
        monkeypatch.setattr(user, "default_engine", lambda: "mean_colours")
    other = replace(extractor, engine="mean_colours")
    ((rows, done),) = embed_rows(ImageArrays(images), [other], tmp_path)
    np.testing.assert_array_equal(rows, MeanColours()(images))
    assert done.computed == 5
    assert "mean_colours in float32; nothing else was tried" in caplog.text
