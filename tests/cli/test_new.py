"""`featx new` writes a recipe that `featx run` takes."""

import pytest


def test_new(run, work):
    done = run("new")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(
        "recipe.toml\n"
        "  embeddings: efficientnetlite0 at 96 pixels\n"
        "  embeddings: efficientnetlite0 at 160 pixels\n"
        "  embeddings: efficientnetlite0 at 224 pixels\n"
        "  heads: lda, logreg, svm\n"
        "Embedding all images takes about "
    )
    again = run("new")
    assert again.exit_code == 1
    assert "recipe.toml exists already" in again.stderr


def test_new_makes_the_folder_of_the_recipe(run, work):
    done = run("new", "--out", "recipes/mine.toml")
    assert done.exit_code == 0, done.stderr
    assert (work / "recipes" / "mine.toml").is_file()


@pytest.mark.slow
def test_new_recipe_runs(run, work):
    assert run("new", "data", "--out", "mine.toml").exit_code == 0
    done = run("run", "mine.toml")
    assert done.exit_code == 0, done.stderr
    assert "Best by cross-validation" in done.stdout
