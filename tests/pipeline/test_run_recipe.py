"""A run's own recipe finds the same run again, whatever made it."""

import json

import pytest

from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.networks.settings import NetworkSettings
from featx.pipeline.finetune import run_finetune
from featx.pipeline.fit import run_fit
from featx.pipeline.recipe import Recipe, read_recipe
from featx.pipeline.run_recipe import run_recipe
from featx.pipeline.train import run_train
from featx.runs.read import list_runs
from featx.runs.settings import ReportSettings
from tests.conftest import make_colours

SMALL = ExtractSettings(backbone="mobilenet-0.25", image_size=32, weights="random")
OTHER = SMALL.model_copy(update={"image_size": 40, "pooling": "max"})
CACHE = CacheSettings(folder="embeddings", batch_size=8)
REPORT = ReportSettings(out_dir="runs")
DATA = DataSettings(test_size=0.3, seed=2)


@pytest.fixture
def work(tmp_path, monkeypatch):
    (make_colours(tmp_path / "x", size=(40, 40)) / "train").rename(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def again(run):
    """Run a run's recipe; returns what it made."""
    return run_recipe(read_recipe(run.path / "recipe.toml"))


@pytest.fixture
def head(work):
    """A head on two embeddings of one backbone."""
    (run,) = run_fit(
        DATA,
        [HeadSettings(name="lda", folds=2, parameters={"shrinkage": 0.5})],
        extract=[SMALL, OTHER],
        cache=CACHE,
        report=REPORT,
    )
    return run


def test_a_head_on_two_embeddings(head):
    assert head.info["command"] == ""  # two kinds of pooling
    # What `auto` chose might be another precision next time.
    chosen = [one.precision for one in read_recipe(head.path / "recipe.toml").extract]
    assert chosen == [spec["precision"] for spec in head.info["embedding"]]
    assert [run.path for run in again(head).runs] == [head.path]
    assert len(list_runs(REPORT.out_dir)) == 1


@pytest.mark.slow
def test_a_fine_tuned_head(head):
    settings = FinetuneSettings(epochs=1, unfreeze="none", batch_size=8)
    tuned = run_finetune(head, settings, cache=CACHE, report=REPORT)
    assert tuned.info["command"].startswith(f"featx finetune {head.name} ")
    done = again(tuned)
    assert [run.path for run in done.heads] == [head.path]
    assert [run.path for run in done.finetuned] == [tuned.path]
    assert len(list_runs(REPORT.out_dir)) == 2


@pytest.mark.slow
def test_a_head_fine_tuned_in_two_ways(head):
    recipe = read_recipe(head.path / "recipe.toml")
    ways = [
        FinetuneSettings(epochs=1, unfreeze=unfreeze, batch_size=8, validation=0.25)
        for unfreeze in ("none", "conv_dw_13")
    ]
    done = run_recipe(recipe.model_copy(update={"finetune": ways}))
    found = [run.info.settings.as_dict()["unfreeze"] for run in done.finetuned]
    assert found == ["none", "conv_dw_13"]
    assert {run.info["parent"] for run in done.finetuned} == {head.name}
    assert done.runs == [*done.heads, *done.finetuned]


def test_a_network(work):
    settings = NetworkSettings(name="basenet", image_size=16, epochs=1, seed=2)
    (run,) = run_train(DATA, [settings], report=REPORT)
    done = again(run)
    assert [run.path for run in done.networks] == [run.path]
    assert (done.heads, done.finetuned) == ([], [])
    assert len(list_runs(REPORT.out_dir)) == 1


def test_heads_and_networks_in_one_recipe(work):
    recipe = Recipe(
        data=DATA,
        extract=[SMALL],
        head=[HeadSettings(name="logreg", folds=2)],
        network=[NetworkSettings(name="basenet", image_size=16, epochs=1)],
    )
    done = run_recipe(recipe)
    assert [run.short_title for run in done.runs] == ["logreg", "basenet"]
    assert done.report.page.is_file()
    fingerprints = {
        json.loads((run.path / "run.json").read_text())["data"]["fingerprint"]
        for run in done.runs
    }
    assert len(fingerprints) == 1
