"""A new recipe says what it guesses from, and runs."""

import os
from pathlib import Path

import numpy as np
import pytest

from featx.errors import DataError, RecipeError
from featx.images.layouts.options import DataSettings
from featx.pipeline.new_recipe import (
    Facts,
    choose_heads,
    choose_views,
    new_recipe,
)
from featx.pipeline.recipe import read_recipe
from featx.progress import Progress
from tests.conftest import FakeExtractor, make_colours, write_image

MANY = Facts(480, 2, 320, 160.0, 300, 0)
FEW = Facts(6033, 200, 3000, 15.0, 300, 0)
SMALL = Facts(2500, 10, 2000, 200.0, 32, 0)


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """Time the mean of the colours; a real backbone is timed in `tests/cli`.

    Returns what embeddings are asked for.
    """
    settings = []

    def find(chosen, cache_dir):
        settings.extend(chosen)
        return [FakeExtractor()]

    monkeypatch.setattr("featx.pipeline.new_recipe.find_extractors", find)
    return settings


def views(facts):
    chosen, _ = choose_views(facts)
    return [(one.image_size, one.flip) for one in chosen]


def test_few_images_and_small_ones_get_more_views():
    assert views(MANY) == [(None, False)]
    assert views(FEW) == [(224, True), (288, True)]
    assert views(SMALL) == [(96, False), (160, False), (224, False)]
    assert "15 training images" in choose_views(FEW)[1]
    assert "32 pixels" in choose_views(SMALL)[1]


def test_many_images_get_the_heads_that_scale():
    assert choose_heads(FEW)[0] == ["lda", "logreg", "svm"]
    heads, why = choose_heads(Facts(100_000, 10, 75_000, 7500.0, 300, 0))
    assert heads == ["lda", "softmax"]
    assert "75,000" in why


def test_recipe_is_read_back_with_its_reasons(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    make_colours(tmp_path / "data", train=3, test=2)
    (tmp_path / "data" / "train" / "red" / "cut.jpg").write_bytes(b"no image")
    made = new_recipe(DataSettings(), tmp_path / "recipe.toml")
    assert made.seconds > 0
    assert [one.image_size for one in asked] == [96, 160, 224]
    assert {one.precision for one in asked} == {"float32"}
    text = made.path.read_text(encoding="utf-8")
    assert read_recipe(made.path) == made.recipe
    assert 'path = "data"' in text
    assert "16 images of 3 classes, with a test split of its own" in text
    assert "1 of 16 images can't be read" in text
    assert "# The images have 10 pixels and are enlarged" in text
    assert text.index("are enlarged") < text.index("[[extract]]")
    assert max(map(len, text.splitlines())) <= 88


def test_drawn_split_is_taken_off(tmp_path):
    for label in ("a", "b"):
        for number in range(8):
            write_image(tmp_path / "data" / label / f"{number}.png", (number, 9, 9))
    made = new_recipe(DataSettings(path=tmp_path / "data"), tmp_path / "r.toml")
    assert "featx draws 25% as the test split" in made.path.read_text(encoding="utf-8")


def test_large_folders_are_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr("featx.pipeline.new_recipe.SAMPLE", 4)
    monkeypatch.setattr("featx.pipeline.new_recipe.TIMED", 2)
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        for number in range(8):
            colour = tuple(map(int, rng.integers(0, 256, 3)))
            write_image(tmp_path / "data" / label / f"{number}.png", colour)
    made = new_recipe(DataSettings(path=tmp_path / "data"), tmp_path / "r.toml")
    assert "16 images of 2 classes" in made.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["a\nb = 1\n[data]", "\x1b[31m\x7f", "a 'b' \"c\\"])
def test_any_name_gives_a_recipe(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_colours(tmp_path / name, train=2, test=1)
    made = new_recipe(DataSettings(path=Path(name)), Path(f"{name}.toml"))
    assert read_recipe(made.path) == made.recipe


def test_path_that_no_recipe_can_hold(tmp_path):
    folder = make_colours(tmp_path / os.fsdecode(b"caf\xe9"), train=2, test=1)
    out = tmp_path / "r.toml"
    with pytest.raises(RecipeError, match=r"isn't UTF-8 text.*; rename it"):
        new_recipe(DataSettings(path=folder), out)
    assert not out.exists()


def test_what_is_there_is_kept(tmp_path):
    out = tmp_path / "recipe.toml"
    out.write_text("mine")
    with pytest.raises(RecipeError, match="exists already; remove it or choose"):
        new_recipe(DataSettings(path=tmp_path), out)
    assert out.read_text() == "mine"


def test_folder_of_the_recipe_is_made(tmp_path, monkeypatch):
    data = DataSettings(path=make_colours(tmp_path / "data", train=2, test=1))
    assert new_recipe(data, tmp_path / "a" / "b" / "r.toml").path.is_file()


def test_recipe_that_appears_meanwhile_is_kept(tmp_path):
    class Written(Progress):
        def note(self, line):
            pass

        def images(self, task):
            out.write_text("mine")
            return super().images(task)

    out = tmp_path / "recipe.toml"
    data = DataSettings(path=make_colours(tmp_path / "data", train=2, test=1))
    with pytest.raises(RecipeError, match="exists already"):
        new_recipe(data, out, progress=Written())
    assert out.read_text() == "mine"


def test_nothing_can_be_read(tmp_path):
    for label in ("a", "b"):
        path = tmp_path / "data" / label / "1.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="none of the 2 images looked at can be read"):
        new_recipe(DataSettings(path=tmp_path / "data"), tmp_path / "r.toml")
    assert not (tmp_path / "r.toml").exists()
