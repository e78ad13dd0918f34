"""Images of shapes are drawn from a seed."""

import numpy as np

import featx
from featx.datasets.shapes import SHAPES, TEXTURES, draw, draw_image_set


def test_the_same_seed_draws_the_same_images(tmp_path):
    first = draw_image_set(tmp_path / "a", train_images=2, test_images=1)
    again = draw_image_set(tmp_path / "b", train_images=2, test_images=1)
    other = draw_image_set(tmp_path / "c", seed=1, train_images=2, test_images=1)
    images = featx.read_images(first)
    assert len(images) == 3 * len(SHAPES) * len(TEXTURES)
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
