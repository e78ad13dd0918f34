"""The demo draws its images and says so when it has no ImageNet weights."""

import numpy as np
import pytest

import featx
from featx.datasets.shapes import SHAPES, TEXTURES, draw, draw_image_set
from featx.errors import DataError
from featx.pipeline.demo import run_demo
from featx.progress import Progress


class Notes(Progress):
    def __init__(self):
        self.lines = []

    def note(self, line):
        self.lines.append(line)


def test_the_same_seed_draws_the_same_images(tmp_path):
    first = draw_image_set(tmp_path / "a", train_images=2, test_images=1)
    again = draw_image_set(tmp_path / "b", train_images=2, test_images=1)
    other = draw_image_set(tmp_path / "c", seed=1, train_images=2, test_images=1)
    images = featx.read_images(first)
    assert len(images) == 24
    assert images.classes == tuple(
        sorted(f"{texture}_{shape}" for shape in SHAPES for texture in TEXTURES)
    )
    for path in images.paths:
        assert (first / path).read_bytes() == (again / path).read_bytes()
    assert (first / path).read_bytes() != (other / path).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_set_that_is_there_is_kept(tmp_path):
    (tmp_path / "a").mkdir()
    draw_image_set(tmp_path / "a")
    assert list((tmp_path / "a").iterdir()) == []


def test_images_of_one_class_differ():
    rng = np.random.default_rng(0)
    first, second = draw("star", "dotted", rng), draw("star", "dotted", rng)
    assert first.shape == (160, 160, 3)
    assert first.std() > 10
    assert np.abs(first.astype(int) - second).mean() > 10


@pytest.mark.slow
def test_without_weights_and_network_it_goes_on_and_marks_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    # Nothing listens there: as without a network, whatever this machine has.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    notes = Notes()
    done = run_demo(tmp_path / "demo", progress=notes)
    (line,) = notes.lines
    assert "could not be fetched" in line
    assert "RANDOM weights" in line
    assert len(done.runs) == 6
    assert all(run.random_weights for run in done.runs)
    assert "random" in done.report.page.read_text()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't draw the demo's images"):
        run_demo(tmp_path / "file")
