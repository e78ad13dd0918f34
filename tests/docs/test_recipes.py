"""The recipes that come with featx run, and reach the score that they name.

The demo's two have their test beside the demo's, in tests/pipeline.
"""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from featx.cli.main import main
from featx.embeddings.dataset import find_extractors
from featx.pipeline.finetune import check_finetuning
from featx.pipeline.recipe import read_recipe
from featx.pipeline.run_recipe import run_recipe
from featx.runs.ranking import rank_runs
from featx.runs.read import list_runs
from tests.docs.conftest import LIGHT, ROOT

PIPELINES = ROOT / "pipelines"
RECIPES = sorted(PIPELINES.rglob("*.toml"))
COURSEWORKS = sorted((PIPELINES / "courseworks").glob("*.toml"))


def name_of(path):
    return path.relative_to(PIPELINES).with_suffix("").as_posix()


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_recipes_open_with_their_command_data_and_score(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# featx run pipelines/{name_of(path)}.toml\n")
    head = text.split("\n[")[0]
    assert "# Data: " in head
    assert ("# Published: " in head) == (path in COURSEWORKS)
    assert re.search(r"# Score: (.*0\.\d+|not yet run)", head.replace("\n# ", " "))
    recipe = read_recipe(path)
    assert recipe.head or recipe.network


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_recipes_are_listed_in_the_reference(path):
    text = (ROOT / "docs" / "reference" / "recipes.md").read_text(encoding="utf-8")
    assert f"| `pipelines/{name_of(path)}.toml` |" in text


FINE_TUNED = [path for path in COURSEWORKS if read_recipe(path).finetune]


@pytest.mark.slow
@pytest.mark.parametrize("path", FINE_TUNED, ids=name_of)
def test_layers_to_fine_tune_are_in_the_backbones_of_the_courseworks(path, tmp_path):
    recipe = read_recipe(path)
    untrained = [one.model_copy(update={"weights": "random"}) for one in recipe.extract]
    extractors = find_extractors(untrained, tmp_path)
    for settings in recipe.finetune:
        check_finetuning(settings, extractors)


@pytest.mark.slow
@pytest.mark.parametrize("path", COURSEWORKS, ids=name_of)
def test_courseworks_run_small(project, path):
    """Each in full: all runs that it names, of light backbones on a few images."""
    recipe = read_recipe(path)
    folder = recipe.data.path if recipe.data.path.is_dir() else Path("data")
    light = recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update={"path": folder, "test_size": None}),
            "extract": [
                one.model_copy(update={"backbone": LIGHT[0], "weights": "random"})
                for one in recipe.extract
            ],
            "head": [
                one.model_copy(update={"folds": 2, "parameters": {"epochs": 1}})
                for one in recipe.head
            ],
            "network": [
                one.model_copy(
                    update={
                        "epochs": 1,
                        "image_size": 64 if one.name == "residual" else 32,
                        "repeats": min(one.repeats, 2),
                    }
                )
                for one in recipe.network
            ],
            "finetune": [
                one.model_copy(
                    update={
                        "unfreeze": f"{share}%",
                        "epochs": 1,
                        "validation": 0.25,
                    }
                )
                for share, one in enumerate(recipe.finetune, start=10)
            ],
        }
    )
    done = run_recipe(light)
    wanted = [*recipe.head, *recipe.network, *recipe.finetune]
    assert len({run.path for run in done.runs}) == len(wanted)
    assert done.report.page.is_file()


def link_some(source, target, most):
    """Link the first images of each class, as many as wanted of each part."""
    for part, count in most.items():
        for folder in (source / part).iterdir():
            (target / part / folder.name).mkdir(parents=True)
            for file in sorted(folder.iterdir())[:count]:
                (target / part / folder.name / file.name).symlink_to(file)


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
    elif recipe == "dogs-vs-cats":
        link_some(samples / sample, target, {"train": 80, "test": 60})
    else:
        target.symlink_to(samples / sample, target_is_directory=True)
    text = (ROOT / "pipelines" / f"{recipe}.toml").read_text("utf-8")
    path = tmp_path / "recipe.toml"
    # Fine-tuning as it is takes minutes, and says nothing of the recipe.
    quick = '[[finetune]]\nepochs = 1\naugment = "none"\nvalidation = 0.2'
    path.write_text(text.replace("[[finetune]]", quick), encoding="utf-8")
    done = CliRunner().invoke(main, ["run", str(path)])
    assert done.exit_code == 0, done.stderr
    assert "Best by cross-validation" in done.stdout
    runs = [run for run in list_runs(Path("reports")) if run.info["kind"] == "head"]
    best = rank_runs(runs)[0].metrics["accuracy"]
    assert best >= least
    # No head is left behind by far.
    assert min(run.metrics["accuracy"] for run in runs) >= best - 0.12
