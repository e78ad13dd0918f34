"""A cache, runs of all kinds and recipes that 0.1.0 wrote are read."""

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import featx
from featx.embeddings.spec import Spec
from featx.heads.views import ViewsHead
from featx.pipeline.recipe import read_recipe
from featx.runs.info import Kind

OLD = Path(__file__).parent / "fixtures" / "v0.1.0"
RUNS = sorted(path.parent.name for path in OLD.glob("reports/*/run.json"))
HEADS = [name for name in RUNS if (OLD / "reports" / name / "head.joblib").is_file()]
RECIPES = sorted((OLD / "recipes").glob("*.toml"))
MODELS = [name for name in RUNS if name not in HEADS]


@pytest.fixture
def reports(tmp_path):
    """A copy of the old runs, to render or to use."""
    return shutil.copytree(OLD / "reports", tmp_path / "reports")


@pytest.fixture(scope="module")
def images():
    return featx.read_images(OLD / "data")


def test_there_are_runs_of_all_kinds():
    runs = featx.list_runs(OLD / "reports")
    assert [run.name for run in runs] == RUNS
    assert {run.info.kind for run in runs} == set(Kind)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_read(name):
    run = featx.read_run(OLD / "reports" / name)
    assert run.info.versions["featx"] == "0.1.0"
    assert run.info.command.startswith("featx ")
    assert run.classes == ["blue", "green", "red"]
    found = run.predictions()
    assert len(found.paths) == run.metrics.n_test == 9
    assert found.correct.mean() == pytest.approx(run.metrics.accuracy)
    assert set(run.metrics.intervals) >= {"accuracy", "f1_macro", "log_loss"}
    assert run.cv_predictions() is None
    assert run.familiarity() is None
    with pytest.raises(featx.RunError, match="no prediction sets"):
        run.set_rule(0.9)
    has_history = (run.path / "history.csv").is_file()
    assert bool(run.history()) == has_history


@pytest.mark.parametrize("name", HEADS)
def test_a_head_gives_its_predictions_on_the_cache(name, images, tmp_path):
    run = featx.read_run(OLD / "reports" / name, trust=True)
    specs = [Spec.from_dict(one) for one in run.info.embedding]
    cache = shutil.copytree(OLD / "cache", tmp_path / "cache")
    fakes = [Cached(spec) for spec in specs if not spec.flip]
    flip = any(spec.flip for spec in specs)
    embeddings = featx.embed(images, fakes, flip=flip, cache_dir=cache)
    assert embeddings.split.fingerprint == run.data_fingerprint
    head = ViewsHead(run.load_head())
    probabilities = head.predict_proba(embeddings.views[embeddings.test])
    np.testing.assert_allclose(
        probabilities, run.predictions().probabilities, atol=1e-5
    )


@pytest.mark.parametrize("name", HEADS)
def test_a_head_of_then_is_a_pickle_and_needs_trust(name):
    with pytest.raises(featx.RunError, match="a pickle, which can run code"):
        featx.read_run(OLD / "reports" / name).load_head()


def test_a_head_of_then_asks_to_fit_again(tmp_path):
    """Images are decoded in another way now."""
    run = featx.read_run(OLD / "reports" / HEADS[0], trust=True)
    with pytest.raises(featx.RunError, match=r"decoded its images.*; fit again$"):
        featx.predict(run, OLD / "data" / "test", cache_dir=tmp_path)


class Cached:
    """Stands where a backbone stands: all is in the cache, so it is never opened."""

    def __init__(self, spec):
        self.spec = spec
        self.dim = 256

    def open(self):
        raise AssertionError("not in the cache")

    def flipped(self):
        return Cached(replace(self.spec, flip=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_loaded(name):
    run = featx.read_run(OLD / "reports" / name)
    model = run.load_model()
    (side,) = {one.shape[1] for one in model.inputs}
    given = model.predict(np.zeros((1, side, side, 3), np.uint8), verbose=0)
    assert given.shape == (1, 3)
    assert given.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_read(path):
    written = tomllib.loads(path.read_text("utf-8"))
    recipe = read_recipe(path)
    assert [head.name for head in recipe.head] == [
        head["name"] for head in written["head"]
    ]
    assert len(recipe.extract) == len(written["extract"])


@pytest.mark.slow
def test_the_reports_are_rendered(reports):
    rendered = featx.report(out_dir=reports)
    assert [run.name for run in rendered.runs] == RUNS
    for page in [rendered.page, *rendered.pages]:
        assert "</html>" in page.read_text("utf-8")
