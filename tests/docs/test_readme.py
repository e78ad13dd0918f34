"""Every command that the documents show runs, and what they list is there."""

import os
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import featx
from featx.cli.main import main
from featx.datasets.shapes import draw_image_set
from featx.embeddings.backbones.table import BACKBONES
from featx.heads.table import HEADS
from featx.networks.table import NETWORKS
from featx.pipeline.recipe import read_recipe
from featx.runs.ranking import rank_runs
from featx.runs.run import list_runs
from tests.conftest import make_colours

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = sorted((ROOT / "pipelines").glob("*.toml"))
# Weights need no network when they are random; everything else is as written.
OFFLINE = ("--weights", "random")
HEAVY = {"data-inceptionv3-svm": "data-inceptionv3-random-svm"}
# Building a graph of InceptionV3 takes longer than all else, and these build many.
LIGHT = {
    "data-inceptionv3-svm": "data-mobilenet-0.25-random-svm",
    "mixed10": "conv_dw_13",
}


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", README, flags=re.DOTALL)


def commands():
    lines = "".join(blocks("sh")).splitlines()
    return [line for line in lines if line.startswith("featx ")]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the data that the README speaks of."""
    make_colours(tmp_path / "data", train=5, test=2, size=(30, 30))
    photos = make_colours(tmp_path / "photos", train=8, test=0, size=(30, 30))
    (photos / "train").rename(tmp_path / "x")
    photos.rmdir()
    photos = (tmp_path / "x").rename(photos)
    images = sorted(photos.glob("*/*.png"))
    names = [f"{path.parent.name}/{path.name}" for path in images]
    rows = [f"{name},{name.split('/')[0]}" for name in names]
    (photos / "labels.csv").write_text("\n".join(["file,label", *rows]))
    (photos / "train.txt").write_text("\n".join(names[::2]))
    (photos / "test.txt").write_text("\n".join(names[1::2]))
    for name in ("train.txt", "test.txt", "labels.csv"):
        (photos / name).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_commands_of_the_readme(project):
    shown = [shlex.split(line)[1:] for line in commands()]
    assert ["extract", "--backbone", "inceptionv3"] in shown
    fit_light = ["fit", "--backbone", "mobilenet-0.25", *OFFLINE, "--head", "svm"]
    for line in (fit_light, *shown):
        if line[0] in {"run", "demo"}:
            continue  # tested below
        extra = OFFLINE if line[0] == "extract" else ()
        names = LIGHT if line[0] in {"finetune", "export"} else HEAVY
        words = [names.get(word, word) for word in line]
        done = CliRunner().invoke(main, [*words, *extra])
        assert done.exit_code == 0, (words, done.stderr)
    assert (project / "reports" / "index.html").is_file()
    assert len(list_runs(project / "reports")) >= 7


@pytest.mark.slow
def test_the_demo_and_its_recipe(project, monkeypatch):
    if "KERAS_HOME" not in os.environ:
        pytest.skip("KERAS_HOME names no folder with ImageNet weights")
    assert "featx demo" in commands()
    draw_image_set(project / "featx-demo" / "shapes", train_images=10, test_images=4)
    for words in (["demo"], ["run", str(ROOT / "pipelines" / "demo.toml")]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.stderr
    # The recipe says what the demo does: nothing was left to fit.
    assert done.stderr.count("fitted before") == 6


@pytest.mark.slow
def test_the_python_of_the_readme(project):
    (code,) = blocks("python")
    assert 'find_extractor("resnet50")' in code
    code = code.replace('("resnet50"', '("resnet50", weights="random"')
    exec(compile(code, "README.md", "exec"), {})


def test_the_tables_of_the_readme_list_all_there_is():
    for row in (*HEADS.values(), *NETWORKS.values()):
        assert f"| `{row.name}` | {row.summary} |" in README
    families = {row.module: row.name for row in BACKBONES.values()}
    for name in BACKBONES:
        stem = re.sub(r"-[\d.]+$", "", name)
        family = re.sub(r"(?<=efficientnetb)\d|(?<=efficientnetv2b)\d", "0", stem)
        family = re.sub(r"^convnext.*", "convnexttiny", family)
        assert f"`{family}`" in README, name
    assert len(families) == 15


def test_links_lead_somewhere():
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert (document.parent / target).exists(), (document, target)


def test_public_names_are_there_and_documented():
    for name in featx.__all__:
        assert getattr(featx, name).__doc__
    assert set(featx.__all__) <= set(dir(featx))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = featx.nothing


def all_commands(group=main, above=()):
    """Return the commands of a group and of the groups in it, by their words."""
    found = {}
    for name, command in group.commands.items():
        words = (*above, name)
        found[" ".join(words)] = command
        if isinstance(command, click.Group):
            found |= all_commands(command, words)
    return found


@pytest.mark.parametrize("name", all_commands())
def test_every_command_and_option_has_help(name):
    command = all_commands()[name]
    assert command.help, name
    for option in command.get_params(click.Context(command)):
        if option.param_type_name == "option":
            assert option.help, (name, option.name)


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
