"""`featx new` writes a recipe that `featx run` takes."""

import pytest

from tests.conftest import FakeExtractor, make_colours


def test_new(run, work):
    make_colours(work / "large", train=30, test=1, size=(100, 100))
    done = run("new", "large")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(
        "recipe.toml\n"
        "  embeddings: efficientnetlite0 at 224 pixels\n"
        "  heads: lda, logreg, svm\n"
        "Embedding all images takes about "
    )
    again = run("new", "large")
    assert again.exit_code == 1
    assert "recipe.toml exists already" in again.stderr


def test_new_names_each_view(run, work, monkeypatch):
    monkeypatch.setattr(
        "featx.pipeline.new_recipe.find_extractors", lambda *_: [FakeExtractor()]
    )
    make_colours(work / "few", train=2, test=1, size=(100, 100))
    done = run("new", "few", "--out", "recipes/mine.toml")
    assert done.exit_code == 0, done.stderr
    assert (work / "recipes" / "mine.toml").is_file()
    assert done.stdout.startswith(
        "recipes/mine.toml\n"
        "  embeddings: efficientnetlite0 at 224 pixels, also flipped\n"
        "  embeddings: efficientnetlite0 at 288 pixels, also flipped\n"
    )


@pytest.mark.slow
def test_new_recipe_runs(run, work):
    make_colours(work / "few", train=4, test=1, size=(100, 100))
    assert run("new", "few", "--out", "mine.toml").exit_code == 0
    done = run("run", "mine.toml")
    assert done.exit_code == 0, done.stderr
    assert "Best by cross-validation" in done.stdout
