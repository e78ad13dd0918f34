"""A fit is scored honestly, written whole and never done twice."""

import json
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest

import featx
from featx.embeddings.settings import ExtractSettings
from featx.embeddings.spec import Spec
from featx.heads.settings import HeadSettings
from featx.heads.table import HEADS
from featx.heads.views import ViewsHead
from featx.images.layouts.options import DataSettings
from featx.pipeline import fit as module
from featx.pipeline.fit import fit_run
from featx.pipeline.recipe import Recipe
from featx.runs.read import list_runs
from featx.runs.settings import ReportSettings
from tests.conftest import FakeExtractor
from tests.heads.blobs import make_blobs


@pytest.fixture
def embeddings(colours, tmp_path):
    images = featx.read_images(colours)
    return featx.embed(images, FakeExtractor(), cache_dir=tmp_path / "cache")


def write(embeddings, tmp_path, head="logreg", **settings):
    return fit_run(
        embeddings,
        Recipe(
            data=DataSettings(path=embeddings.images.root),
            extract=[ExtractSettings(backbone="resnet50")],
            head=[HeadSettings(name=head, **settings)],
            report=ReportSettings(out_dir=tmp_path / "reports"),
        ),
    )


def test_a_run_knows_how_far_images_are_from_its_training_images(embeddings, tmp_path):
    run = write(embeddings, tmp_path, "lda")
    known = run.familiarity()
    assert len(known.rows) == len(known.distances) == 24
    of_test = known.distances_of(embeddings.views, embeddings.test)
    np.testing.assert_allclose(known.test, of_test, atol=1e-6)
    assert known.map_shape is None


def test_fit_and_evaluate(embeddings):
    fitted = featx.fit(embeddings, "lda")
    scores = featx.evaluate(fitted, embeddings)
    assert fitted.classes == ("blue", "green", "red")
    assert fitted.cross_validation.folds == 5
    assert scores["accuracy"] == 1.0
    assert scores["cv_accuracy"] == fitted.cross_validation.accuracy
    assert (scores["n_train"], scores["n_test"]) == (24, 12)


def test_embeddings_in_a_file_give_the_same_run(colours, embeddings, tmp_path):
    images = featx.read_images(colours)
    options = {"cache_dir": tmp_path / "cache", "memory": 0}
    mapped = featx.embed(images, FakeExtractor(), **options)
    assert isinstance(mapped.views, np.memmap)
    np.testing.assert_array_equal(mapped.views, embeddings.views)
    both = [featx.fit(one, "lda", folds=3) for one in (embeddings, mapped)]
    scores = [featx.evaluate(both[0], embeddings), featx.evaluate(both[1], mapped)]
    assert scores[0] == scores[1]


def test_views_side_by_side_in_a_file(colours, tmp_path):
    images = featx.read_images(colours)
    held, mapped = (
        featx.embed(
            images,
            FakeExtractor(),
            flip=True,
            cache_dir=tmp_path / "cache",
            memory=memory,
        )
        for memory in (None, 0)
    )
    assert held.views.shape[1] == 2
    np.testing.assert_array_equal(held.views, mapped.views)
    assert isinstance(mapped.take(mapped.test), np.memmap)
    np.testing.assert_array_equal(mapped.take(mapped.test), held.take(held.test))


def test_as_many_jobs_as_the_memory_holds(embeddings, monkeypatch):
    asked = []

    def cross_validate(*args, jobs, **options):
        asked.append(jobs)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "cross_validate", cross_validate)
    size = embeddings.views.nbytes
    for free in (100 * size, 5 * size, size):
        monkeypatch.setattr(module, "available_memory", lambda free=free: free)
        with pytest.raises(KeyboardInterrupt):
            featx.fit(embeddings, "lda", jobs=4)
    monkeypatch.setattr(module, "available_memory", lambda: 100 * size)
    monkeypatch.setattr(module, "usable_cores", lambda: 8)
    monkeypatch.setattr(module, "may_have_gpu", lambda: False)
    for long in (module.LONG, 1):
        monkeypatch.setattr(module, "LONG", long)
        with pytest.raises(KeyboardInterrupt):
            featx.fit(embeddings, "lda")
    monkeypatch.setattr(module, "may_have_gpu", lambda: True)
    with pytest.raises(KeyboardInterrupt):
        featx.fit(embeddings, "lda")
    assert asked == [4, 2, 1, 1, 8, 1]


def test_embeddings_in_a_file_are_fitted_by_this_process(colours, tmp_path):
    options = {"cache_dir": tmp_path / "cache", "memory": 0}
    mapped = featx.embed(featx.read_images(colours), FakeExtractor(), **options)
    # Another process can't open a file without a name.
    one, two = (featx.fit(mapped, "lda", folds=3, jobs=jobs) for jobs in (1, 2))
    assert one.cross_validation == two.cross_validation


def test_progress_counts_the_folds_and_the_last_fit(embeddings):
    told = []
    featx.fit(embeddings, "lda", folds=2, repeats=2, on_fold=lambda *a: told.append(a))
    assert told == [(done, 5) for done in range(6)]


def test_a_run_holds_what_the_contract_says(embeddings, tmp_path):
    run = write(embeddings, tmp_path)
    assert run.name == "data-mean-colour-logreg"
    info = json.loads((run.path / "run.json").read_text())
    assert {"settings", "data", "versions", "seed", "timings"} <= set(info)
    assert info["data"]["fingerprint"] == embeddings.split.fingerprint
    assert info["embedding"] == [embeddings.specs[0].as_dict()]
    metrics = json.loads((run.path / "metrics.json").read_text())
    scored = {
        *("accuracy", "balanced_accuracy", "precision_macro", "recall_macro"),
        *("f1_macro", "log_loss", "brier", "cv_accuracy"),
    }
    assert scored | {"ece", "cv_log_loss"} <= set(metrics)
    assert scored == set(metrics["intervals"])
    assert np.sum(metrics["confusion_matrix"]) == metrics["n_test"] == 12
    assert list(metrics["per_class"]) == metrics["classes"] == ["blue", "green", "red"]
    lines = (run.path / "predictions.csv").read_text().splitlines()
    assert lines[0] == "path,label,predicted,confidence,p_blue,p_green,p_red"
    assert len(lines) == 13
    assert lines[1].startswith("test/blue/000.png,blue,")
    assert (run.path / "head.safetensors").is_file()


def test_the_same_fit_is_not_done_twice(embeddings, tmp_path):
    first = write(embeddings, tmp_path)
    again = write(embeddings, tmp_path)
    assert again.path == first.path
    other = write(embeddings, tmp_path, folds=3)
    assert other.name == "data-mean-colour-logreg-2"
    assert len(list_runs(tmp_path / "reports")) == 2


def test_a_learning_curve_is_measured_where_it_is_asked_for(embeddings, tmp_path):
    told = []
    fitted = featx.fit(
        embeddings,
        "lda",
        folds=2,
        learning_curve=True,
        on_fold=lambda *a: told.append(a),
    )
    # 24 images of 3 classes: halves of the 12 in a fold have 2 a class.
    assert told == [(done, 7) for done in range(8)]
    assert fitted.learning_curve.reason == "few images"
    assert "learning_curve" in fitted.timings
    scores = featx.evaluate(fitted, embeddings)
    assert [point.images for point in scores.learning_curve.points] == [6, 12]
    assert scores.learning_curve.points[-1].accuracy == scores.cv_accuracy
    assert featx.fit(embeddings, "lda").learning_curve is None
    run = write(embeddings, tmp_path, learning_curve=True)
    stored = json.loads((run.path / "metrics.json").read_text())["learning_curve"]
    assert stored == run.metrics.learning_curve.as_dict()
    made_from = tomllib.loads((run.path / "recipe.toml").read_text("utf-8"))
    assert made_from["head"] == [{"name": "logreg", "learning_curve": True}]
    assert "--learning-curve" in run.info.command.split()


def test_a_run_with_a_learning_curve_is_also_the_one_without(embeddings, tmp_path):
    having = write(embeddings, tmp_path, learning_curve=True)
    assert write(embeddings, tmp_path).path == having.path
    other = write(embeddings, tmp_path, folds=3)
    assert other.metrics.learning_curve is None
    # What is written is never changed, so this one is fitted again.
    again = write(embeddings, tmp_path, folds=3, learning_curve=True)
    assert again.path != other.path
    assert write(embeddings, tmp_path, folds=3).path == other.path
    assert write(embeddings, tmp_path, learning_curve=True).path == having.path
    assert len(list_runs(tmp_path / "reports")) == 3


def test_a_limit_of_what_is_not_done_changes_no_run(embeddings, tmp_path):
    names = [
        write(embeddings, tmp_path, folds=2, tune=tune, tune_seconds=seconds).name
        for tune, seconds in [(False, 0.1), (False, 0.2), (True, 0.1), (True, 0.2)]
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_settings_reach_the_fit(embeddings, tmp_path):
    run = write(
        embeddings,
        tmp_path,
        folds=3,
        repeats=2,
        seed=5,
        class_weight="balanced",
        tune=True,
        tune_seconds=0.1,
        parameters={"max_iter": 77},
    )
    parameters = run.info["settings"]["head_parameters"]
    assert parameters["max_iter"] == 77
    assert parameters["class_weight"] == "balanced"
    assert parameters["random_state"] == 5
    assert run.info["settings"]["repeats"] == 2
    assert run.info["command"] == ""  # no option says max_iter
    made_from = tomllib.loads((run.path / "recipe.toml").read_text("utf-8"))
    assert made_from["head"] == [
        {
            "name": "logreg",
            "tune": True,
            "tune_seconds": 0.1,
            "folds": 3,
            "repeats": 2,
            "class_weight": "balanced",
            "seed": 5,
            "parameters": {"max_iter": 77},
        }
    ]


def test_random_weights_are_marked(colours, tmp_path):
    extractor = FakeExtractor()
    extractor.spec = Spec(
        backbone="mean-colour", image_size=8, weights="random", weights_id="0"
    )
    embeddings = featx.embed(
        featx.read_images(colours), extractor, cache_dir=tmp_path / "cache"
    )
    run = write(embeddings, tmp_path)
    assert run.name == "data-mean-colour-random-logreg"
    assert run.random_weights
    assert run.metrics["weights"] == "random"
    assert "random, not trained on ImageNet" in run.info["notes"][0]


def test_mirrored_views_train_and_vote(colours, tmp_path):
    images = featx.read_images(colours)
    plain = featx.embed(images, FakeExtractor(), cache_dir=tmp_path / "cache")
    both = featx.embed(images, FakeExtractor(), flip=True, cache_dir=tmp_path / "cache")
    fitted = featx.fit(both, "lda")
    assert fitted.head.n_features_in_ == 4
    scores = featx.evaluate(fitted, both)
    assert (scores["n_train"], scores["n_test"]) == (24, 12)
    assert scores["accuracy"] == 1.0
    first = write(plain, tmp_path, head="lda")
    run = write(both, tmp_path, head="lda")
    assert run.path != first.path
    assert [spec["flip"] for spec in run.info["embedding"]] == [False, True]


def embedded(X, y):
    """Return what a fit takes of embeddings, all of them of the train split."""
    return SimpleNamespace(
        train=np.arange(len(y)),
        views=X[:, None],
        take=lambda places: X[places, None],
        images=SimpleNamespace(labels=y, classes=tuple("abcd")),
        split=SimpleNamespace(groups=np.arange(len(y))),
        map_shape=None,
        rows_are="",
    )


@pytest.mark.parametrize(
    "name",
    [
        row.name if row.quick else pytest.param(row.name, marks=pytest.mark.slow)
        for row in HEADS.values()
        if not row.on_maps
    ],
)
def test_every_head_has_a_learning_curve(name):
    """Also on parts with two images a class, and one of a rare class."""
    X, y = make_blobs([5, 15, 15, 15], apart=6)
    parameters = {"epochs": 10} if name in ("softmax", "mlp") else {}
    found = featx.fit(embedded(X, y), name, learning_curve=True, parameters=parameters)
    points = found.learning_curve.points
    assert [round(point.images) for point in points] == [10, 20, 40]
    assert points[-1].accuracy == found.cross_validation.accuracy
    assert len(found.learning_curve.fitted) == 13


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("svm", {}),
        ("softmax", {"parameters": {"epochs": 25, "learning_rate": 0.02}}),
        ("gboost", {}),
        ("mlp", {"parameters": {"epochs": 15, "learning_rate": 0.01}}),
    ],
)
def test_probabilities_are_calibrated(name, settings):
    """By scores of images that were held out, whatever the head."""
    X, y = make_blobs([40] * 4, apart=2.5)
    X_test, y_test = make_blobs([150] * 4, apart=2.5, seed=1)
    rows = embedded(X, y)
    made = featx.fit(rows, name, **settings)
    assert made.head.temperature_ == made.cross_validation.temperature != 1
    probabilities = ViewsHead(made.head).predict_proba(X_test[:, None])
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1)
    assert abs(confidence.mean() - (right == y_test).mean()) < 0.08


def test_what_was_predicted_in_the_folds_is_kept(embeddings, tmp_path):
    run = write(embeddings, tmp_path, head="lda", folds=3, repeats=2)
    found, train = run.cv_predictions(), embeddings.train
    assert found.paths == tuple(embeddings.images.paths[row] for row in train)
    assert found.labels.tolist() == embeddings.images.labels[train].tolist()
    assert found.groups.tolist() == embeddings.split.groups[train].tolist()
    assert found.probabilities.shape == (24, 3)
    assert found.by_fold.accuracy.shape == (2, 3)
    assert found.correct.mean() == run.metrics.cv_accuracy
    assert found.temperature == run.load_head().temperature_
    assert run.held_out().correct.tolist() == found.correct[0].tolist()
    assert 0 <= run.metrics.cv_ece <= 1
    assert 0 <= run.metrics.cv_brier <= 2
    assert not (run.path / "held_out.csv").exists()


@pytest.mark.parametrize(("head", "is_linear"), [("lda", True), ("mlp", False)])
def test_a_run_says_how_simple_its_head_is(embeddings, tmp_path, head, is_linear):
    parameters = {} if is_linear else {"epochs": 1, "hidden": "5"}
    info = write(embeddings, tmp_path, head, folds=2, parameters=parameters).info
    assert info.linear is is_linear
    width, classes, hidden = embeddings.X.shape[1], 3, 5
    # Mean, scale and weights of each feature, an intercept, and the names of classes.
    affine = (2 + classes) * width + 2 * classes
    dense = 2 * width + (width + 1) * hidden + (hidden + 1) * classes + classes
    assert info.parameters == (affine if is_linear else dense)


def test_repeats_differ_in_the_folds_and_in_the_seed(embeddings):
    settings = {"folds": 2, "parameters": {"epochs": 3}}
    twice = featx.fit(embeddings, "softmax", repeats=2, **settings).cross_validation
    second = featx.fit(embeddings, "softmax", seed=1, **settings).cross_validation
    assert twice.predicted[1].tolist() == second.predicted[0].tolist()
    assert twice.by_fold.accuracy[1].tolist() == second.by_fold.accuracy[0].tolist()
