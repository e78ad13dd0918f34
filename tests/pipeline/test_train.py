"""`featx train` as a flow: a run like any other, and honest."""

import csv
import json

import numpy as np
import pytest

from featx.embeddings.dataset import embed
from featx.errors import NetworkError, RunError
from featx.images.decoding import decode
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.networks.data import read_training_data
from featx.networks.fit import fit_network
from featx.networks.settings import NetworkSettings
from featx.pipeline.recipe import read_recipe
from featx.pipeline.train import run_train
from featx.progress import Progress
from featx.reports.leaderboard.page import render_leaderboard
from featx.reports.run.page import render_run
from featx.runs.ranking import best_run, rank_runs
from featx.runs.read import list_runs
from featx.runs.settings import ReportSettings
from tests.conftest import FakeExtractor, make_colours
from tests.figures.conftest import assert_readable
from tests.reports.pages import Page

SETTINGS = NetworkSettings(
    name="basenet", image_size=16, epochs=2, batch_size=8, repeats=2, seed=3
)


PRETRAINED = SETTINGS.model_copy(
    update={"pretrain": "autoencoder", "pretrain_epochs": 3, "repeats": 1}
)


class Told(Progress):
    def __init__(self):
        self.runs, self.done, self.before = [], [], []

    def run(self, name, path, *, fresh):
        self.runs.append(fresh)

    def task(self, title, unit):
        def update(*done):
            if title.startswith("pre-training"):
                self.before.append(done)
            elif unit == "epochs":
                self.report(done)

        return update

    def report(self, done):
        self.done.append(done)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one trained run, twice asked for; what was told; the run."""
    folder = tmp_path_factory.mktemp("trained")
    data = DataSettings(path=make_colours(folder / "data", train=8), seed=3)
    (folder / "data" / "train" / "red" / "bad.png").write_bytes(b"no image")
    told = Told()
    report = ReportSettings(out_dir=folder / "reports")
    for _ in range(2):
        (run,) = run_train(data, [SETTINGS], report=report, progress=told)
    return folder, told, run


def test_the_run_is_the_contracts(trained):
    folder, told, run = trained
    assert run.path == folder / "reports" / "data-basenet"
    assert {path.name for path in run.path.iterdir()} >= {
        *("run.json", "metrics.json", "predictions.csv", "model.keras", "history.csv"),
    }
    assert not (run.path / "head.safetensors").exists()
    assert told.runs == [True, False]
    assert told.done == [(0, 4), (1, 4), (2, 4), (2, 4), (3, 4), (4, 4)]
    assert run.from_scratch
    assert run.title == "basenet, trained from scratch"
    assert run.info["settings"]["augment"] == "none"
    assert "1 of 37 images can't be read" in run.info["notes"][0]
    assert run.info["command"] == (
        f"featx train {folder / 'data'} --network basenet --image-size 16 --epochs 2"
        f" --batch-size 8 --repeats 2 --seed 3 --out-dir {folder / 'reports'}"
    )


def test_metrics_are_as_of_heads(trained):
    metrics = trained[2].metrics
    assert metrics["cv_accuracy"] is None
    # A tenth, by the nearest number of folds: at least one of each ten.
    assert (metrics["n_train"], metrics["n_test"], metrics["n_val"]) == (24, 12, 3)
    assert 0 <= metrics["val_accuracy"] <= 1
    assert len(metrics["intervals"]["val_accuracy"]) == 2
    assert {"accuracy", "f1_macro", "log_loss", "confusion_matrix"} <= set(
        metrics.keys()
    )
    repeats = metrics["repeats"]
    assert repeats["seeds"] == [3, 4]
    assert repeats["accuracy"]["values"][0] == metrics["accuracy"]
    assert repeats["val_accuracy"]["values"][0] == metrics["val_accuracy"]
    assert repeats["accuracy"]["mean"] == np.mean(repeats["accuracy"]["values"])


def test_curves(trained):
    history = trained[2].history()
    assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert len(history["epoch"]) == 2
    last = history["val_accuracy"][-1]
    assert last == pytest.approx(trained[2].metrics["val_accuracy"], abs=1e-6)


def test_the_model_says_what_the_predictions_say(trained):
    import keras

    folder, _, run = trained
    model = keras.models.load_model(run.path / "model.keras")
    predictions = run.predictions()
    files = [folder / "data" / path for path in predictions.paths]
    images = np.stack([decode(file.read_bytes(), (16, 16)) for file in files])
    np.testing.assert_allclose(
        model.predict(images, verbose=0), predictions.probabilities, atol=1e-5
    )
    with (run.path / "predictions.csv").open() as stream:
        header = next(csv.reader(stream))
    assert header[-3:] == ["p_blue", "p_green", "p_red"]


def test_what_was_interrupted_goes_on(trained, tmp_path):
    class Stopping(Told):
        def report(self, done):
            super().report(done)
            if done == (3, 4):
                raise KeyboardInterrupt

    folder, _, whole = trained
    data = DataSettings(path=folder / "data")
    report = ReportSettings(out_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_train(data, [SETTINGS], report=report, progress=Stopping())
    assert [path.name[:7] for path in tmp_path.iterdir()] == [".train-"]
    told = Told()
    (run,) = run_train(data, [SETTINGS], report=report, progress=told)
    assert told.done == [(2, 4), (3, 4), (4, 4)]
    assert list(tmp_path.glob(".train-*")) == []
    np.testing.assert_allclose(
        run.predictions().probabilities, whole.predictions().probabilities, atol=1e-5
    )
    assert run.metrics["repeats"] == whole.metrics["repeats"]


def test_data_are_known_as_embeddings_know_them(trained, tmp_path):
    folder, _, run = trained
    images = read_images(folder / "data")
    embeddings = embed(images, FakeExtractor(), cache_dir=tmp_path)
    assert run.data_fingerprint == embeddings.split.fingerprint


def test_the_page_says_what_it_is(trained):
    page = render_run(trained[2]).read_text("utf-8")
    assert "basenet, trained from scratch" in page
    assert "<dt>Parameters</dt>" in page
    assert "Trained 2 times with other seeds" in page
    assert "curves.png" in page
    assert "It was not cross-validated" in page


def test_alone_it_is_not_called_the_best(trained):
    folder, _, run = trained
    page = render_leaderboard(folder / "reports", [run]).read_text("utf-8")
    assert "held out: " in page
    assert 'class="best"' not in page
    assert "What transfer is worth" not in page
    with pytest.raises(RunError, match="no run yet"):
        best_run(list_runs(folder / "reports"))


def training_data(folder, settings, tmp_path):
    images = read_images(folder / "data")
    return read_training_data(
        images,
        settings.view,
        tmp_path,
    )


def test_pixels_stand_beside_their_images(trained, tmp_path):
    data = training_data(trained[0], SETTINGS, tmp_path)
    assert len(data.pixels) == len(data.split.images) == 36
    for row in (0, 13, 35):
        content = data.split.images.files[row].read_bytes()
        np.testing.assert_array_equal(data.pixels[row], decode(content, (16, 16)))


@pytest.fixture(scope="module")
def pretrained(trained):
    """The run of a network whose convolutions were pre-trained; what was told."""
    told, report = Told(), ReportSettings(out_dir=trained[0] / "pretrained")
    data = DataSettings(path=trained[0] / "data", seed=3)
    (run,) = run_train(data, [PRETRAINED], report=report, progress=told)
    return told, run


def test_pretraining_is_in_the_run(pretrained, trained):
    told, run = pretrained
    assert told.before == [(n, 3) for n in (0, 1, 2, 3)]
    assert told.done == [(n, 2) for n in (0, 1, 2)]
    assert list(run.pretraining()) == ["epoch", "loss", "val_loss"]
    assert list(run.pretraining()["epoch"]) == [1, 2, 3]
    assert trained[2].pretraining() == {}
    assert list(run.info.timings) == ["decoding", "pretraining", "fit"]
    assert " --pretrain autoencoder --pretrain-epochs 3 " in run.info.command
    assert read_recipe(run.path / "recipe.toml").network == [PRETRAINED]
    assert len(list(run.history())) == 5
    assert list(run.path.parent.glob(".train-*")) == []


def test_the_page_shows_the_pretraining(pretrained, trained):
    run = pretrained[1]
    page = Page(render_run(run))
    assert "Pre-training" in page.words
    assert "encoder of an autoencoder" in page.words
    assert "images that were held out; below" in page.words
    assert {"pretraining.png", "reconstructions.png"} <= set(page.links)
    for name in ("pretraining.png", "reconstructions.png"):
        assert_readable((run.path / name).read_bytes())
    (run.path / "reconstructions.png").unlink()
    assert "below, what the decoder" not in Page(render_run(run)).words
    assert "Pre-training" not in Page(render_run(trained[2])).words


def test_without_pretraining_its_settings_say_nothing(trained):
    folder, _, run = trained
    told, report = Told(), ReportSettings(out_dir=folder / "reports")
    data = DataSettings(path=folder / "data", seed=3)
    assert run_train(data, [SETTINGS], report=report, progress=told) == [run]
    assert told.runs == [False]
    assert told.before == []
    assert not {"pretrain", "pretrain_epochs"} & set(run.info.settings.as_dict())


@pytest.mark.slow
def test_folds_and_repeats_pretrain_each(trained, tmp_path):
    settings = PRETRAINED.model_copy(update={"folds": 2, "repeats": 2, "epochs": 1})
    told = []
    fitted = fit_network(
        training_data(trained[0], settings, tmp_path),
        settings,
        tmp_path,
        on_pretraining=lambda *done: told.append(done),
    )
    assert told[0] == (0, 12)
    done = [done for done, _ in told if done]
    assert done == [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12]
    assert set(fitted.timings) == {
        *("decoding", "pretraining", "cross_validation", "fit", "other_repeats")
    }


@pytest.mark.slow
def test_folds_give_a_cross_validated_accuracy(trained, tmp_path):
    settings = SETTINGS.model_copy(update={"folds": 2, "repeats": 1, "epochs": 1})
    told = []
    fitted = fit_network(
        training_data(trained[0], settings, tmp_path),
        settings,
        tmp_path,
        on_epoch=lambda *done: told.append(done),
    )
    assert told == [(0, 3), (1, 3), (1, 3), (2, 3), (2, 3), (3, 3)]
    assert 0 <= fitted.metrics["cv_accuracy"] <= 1
    assert fitted.metrics["cv_accuracy_std"] is not None
    assert "cv_accuracy" in fitted.metrics["intervals"]
    in_folds = fitted.cross_validation
    assert in_folds.predicted.shape == (1, fitted.metrics["n_train"])
    assert in_folds.right.mean() == fitted.metrics["cv_accuracy"]
    assert set(fitted.timings) == {"decoding", "cross_validation", "fit"}


def test_too_small_images_are_refused_before_the_data_is_read(tmp_path):
    small = NetworkSettings(name="residual", image_size=63)
    with pytest.raises(NetworkError, match="of at least 64x64 pixels, not 63x63"):
        run_train(DataSettings(path=tmp_path / "none"), [small])


def test_a_reports_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "reports").write_text("")
    data = DataSettings(path=make_colours(tmp_path / "data"))
    with pytest.raises(RunError, match="can't write the run"):
        run_train(data, [SETTINGS], report=ReportSettings(out_dir=tmp_path / "reports"))


@pytest.mark.samples
@pytest.mark.slow
def test_it_learns_real_images(samples, tmp_path):
    data = DataSettings(path=samples / "cifar10-small")
    settings = NetworkSettings(name="basenet", epochs=20)
    (run,) = run_train(data, [settings], report=ReportSettings(out_dir=tmp_path))
    assert run.metrics["accuracy"] > 0.33  # a tenth by chance
    assert json.loads((run.path / "metrics.json").read_text())["n_val"] == 200
    assert rank_runs([run]) == [run]
