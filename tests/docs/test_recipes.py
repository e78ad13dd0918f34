"""The recipes that come with featx run, and reach the score that they name."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from featx.cli.main import main
from featx.datasets.shapes import draw_image_set
from featx.heads.settings import GROUPS, QUICK_HEADS
from featx.pipeline.recipe import read_recipe
from featx.runs.ranking import rank_runs
from featx.runs.read import list_runs
from tests.docs.conftest import ROOT

RECIPES = sorted((ROOT / "pipelines").glob("*.toml"))


@pytest.mark.slow
def test_the_demo_and_its_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_image_set(tmp_path / "featx-demo" / "shapes", train_images=10, test_images=4)
    done = CliRunner().invoke(main, ["demo"])
    assert done.exit_code == 0, done.stderr
    for name in ("demo", "digits"):
        path = ROOT / "pipelines" / f"{name}.toml"
        done = CliRunner().invoke(main, ["run", str(path)])
        assert done.exit_code == 0, done.stderr
        # The recipe says what the demo does: nothing was left to fit.
        assert done.stderr.count("fitted before") == len(GROUPS[QUICK_HEADS])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_open_with_their_command_data_and_score(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# featx run pipelines/{path.name}\n")
    head = text.split("\n[")[0]
    assert "# Data: " in head
    assert re.search(r"# Score: .*0\.\d+", head)
    assert read_recipe(path).extract


@pytest.mark.slow
@pytest.mark.samples
@pytest.mark.parametrize(
    ("recipe", "sample", "least"),
    [
        ("dogs-vs-cats", "dogs-vs-cats", 0.93),
        ("birds", "cub200-25/images", 0.8),
        ("dog-breeds", "dog-breeds", 0.6),
    ],
)
def test_recipes_run(tmp_path, monkeypatch, samples, recipe, sample, least):
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "data" / recipe
    target.parent.mkdir()
    if recipe == "birds":  # three sizes, each mirrored: a few species will do
        target.mkdir()
        for species in sorted((samples / sample).iterdir())[:8]:
            (target / species.name).symlink_to(species, target_is_directory=True)
    else:
        target.symlink_to(samples / sample, target_is_directory=True)
    path = ROOT / "pipelines" / f"{recipe}.toml"
    done = CliRunner().invoke(main, ["run", str(path)])
    assert done.exit_code == 0, done.stderr
    assert "Best by cross-validation" in done.stdout
    runs = [run for run in list_runs(Path("reports")) if run.info["kind"] == "head"]
    best = rank_runs(runs)[0].metrics["accuracy"]
    assert best >= least
    # No head is left behind by far.
    assert min(run.metrics["accuracy"] for run in runs) >= best - 0.12
