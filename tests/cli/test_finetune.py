"""`featx finetune` as a user meets it."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from featx.finetuning import joined_model
from featx.runs.read import read_run
from tests.cli.conftest import in_folder
from tests.conftest import make_colours

SMALL = ("--backbone", "mobilenet-0.25@32", "--weights", "random")
QUICK = ("--epochs", 2, "--batch-size", 8, "--validation", 0.25)
HEAD = "data-mobilenet-0.25-random-lda"
TUNED = f"{HEAD}-finetune"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run of lda on a small random backbone."""
    folder = tmp_path_factory.mktemp("made")
    make_colours(folder / "data", size=(40, 40))
    in_folder(folder, "fit", *SMALL, "--head", "lda", "--folds", 2)
    return folder


@pytest.fixture
def fitted(made, monkeypatch):
    """That folder, with nothing in it but that; the work is where it is."""
    monkeypatch.chdir(made)
    for path in (made / "reports").iterdir():
        if path.is_dir() and path.name != HEAD:
            shutil.rmtree(path)
    return made


@pytest.mark.slow
def test_the_best_run_is_fine_tuned(run, fitted, monkeypatch):
    monkeypatch.setattr("featx.finetuning.finetuner.LONG", 0)
    built, build = [], joined_model.build_steps

    def build_steps(*words):
        built.append(words)
        return build(*words)

    monkeypatch.setattr(joined_model, "build_steps", build_steps)
    done = run("finetune", *QUICK, "--unfreeze", "conv_dw_13")
    assert done.exit_code == 0, done.stderr
    assert len(built) == 1
    assert "note: training may take" in done.stderr
    said = " ".join(done.stdout.split())
    assert "Before training the model gave the head's probabilities within" in said
    assert "(1e-04 is allowed where logits reach" in said
    assert "The outputs of conv_pw_12_relu were computed once" in said
    name = f"reports/{TUNED}"
    assert done.stdout.endswith(f"{name}\n")
    told = done.stdout.splitlines()
    assert [line for line in told if len(line) > 80 and "reports/" not in line] == []
    tuned = read_run(fitted / name)
    found = tuned.metrics["finetune"]
    assert found["graft"]["largest_difference"] < 1e-4
    assert found["graft"]["images"] == tuned.metrics["n_test"] == 12
    assert tuned.metrics["n_val"] == 6
    assert found["recommended"] in ("head", "finetuned")
    assert found["gain"] == pytest.approx(
        tuned.metrics["accuracy"] - found["parent"]["accuracy"]
    )
    history = tuned.history()
    assert set(history["phase"]) == {1.0}
    assert len(history["epoch"]) == 2
    assert not list((fitted / "reports").glob(".finetune-*"))
    again = run("finetune", *QUICK, "--unfreeze", "conv_dw_13")
    assert "fitted before" in again.stderr
    assert len(built) == 1
    # Its model predicts what the run says.
    answers = run("predict", TUNED, "data/test", "--csv")
    assert answers.exit_code == 0, answers.stderr
    rows = [line.split(",") for line in answers.stdout.splitlines()[1:]]
    by_path = {row[0]: np.array(row[3:], dtype=float) for row in rows}
    told = tuned.predictions()
    for path, expected in zip(told.paths, told.probabilities, strict=True):
        np.testing.assert_allclose(by_path[f"data/{path}"], expected, atol=1e-5)
    assert run("report").exit_code == 0
    assert "fine-tun" in (tuned.path / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_each_third_is_held_out_in_turn(run, fitted):
    words = ("finetune", "--epochs", 1, "--batch-size", 8, "--unfreeze", "conv_dw_13")
    done = run(*words, "--learning-rate", 1e-2)
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "24 training images, 24 held out in 3 parts to choose" in said
    tuned = read_run(fitted / "reports" / TUNED)
    assert tuned.info["settings"]["copies"] == 4
    found = tuned.metrics.finetune
    assert [one.share for one in found.candidates] == [0, 0.25, 0.5, 0.75, 1]
    best = min(found.candidates, key=lambda one: one.log_loss)
    assert found.share == best.share
    assert tuned.metrics.val_accuracy == pytest.approx(best.accuracy)
    assert found.parent.val_accuracy == pytest.approx(found.candidates[0].accuracy)
    assert len(tuned.held_out().paths) == 24
    assert run("report", TUNED).exit_code == 0
    page = (tuned.path / "index.html").read_text("utf-8")
    assert "Change in the weights kept" in page
    assert "the mean of 3 trainings" in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "is_distilled"),
    [
        ("ridge", False),
        ("prototype", False),
        ("knn", True),
        ("kmeans", True),
        ("svm-rbf", True),
        ("sklearn.linear_model.RidgeClassifier", False),
        ("sklearn.naive_bayes.GaussianNB", True),
    ],
)
def test_every_head_can_be_fine_tuned(head, is_distilled, run, work):
    wanted = (*SMALL, "--backbone", "mobilenet-0.25@32", "--head", head)
    assert run("fit", *wanted, "--folds", 2).exit_code == 0
    done = run("finetune", *QUICK, "--json")
    assert done.exit_code == 0, done.stderr
    (scores,) = json.loads(done.stdout)
    graft = scores["finetune"]["graft"]
    assert (graft["distilled_agreement"] is not None) == is_distilled
    name = scores["run"].rpartition("/")[2]
    assert run("export", name).exit_code == 0


@pytest.mark.slow
def test_fused_views_and_a_distilled_head(run, work):
    wanted = (*SMALL, "--backbone", "mobilenet-0.25@48", "--flip")
    assert run("fit", *wanted, "--head", "gboost", "--folds", 2).exit_code == 0
    done = run("finetune", *QUICK, "--json")
    assert done.exit_code == 0, done.stderr
    (scores,) = json.loads(done.stdout)
    graft = scores["finetune"]["graft"]
    assert 0 <= graft["distilled_agreement"] <= 1
    assert graft["tolerance"] is None
    history = read_run(work / scores["run"]).history()
    assert list(history["phase"]) == [0.0] * 3 + [1.0] * 2
    name = scores["run"].rpartition("/")[2]
    answers = run("predict", name, "data/test")
    assert answers.exit_code == 0, answers.stderr
    # Each size is augmented alike, with layers of its own in one model.
    first = (*QUICK, "--epochs", 1, "--warmup-epochs", 1)
    augmented = run("finetune", *first, "--augment", "light,rotation5", "--no-cached")
    assert augmented.exit_code == 0, augmented.stderr
    mixed = run("finetune", *first, "--augment", "mixup")
    assert mixed.exit_code == 1
    assert "resized in one way, but this run uses 2" in mixed.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--preset", "adam-10", "--tensorboard"),
        ("--preset", "rmsprop-100", "--no-cached", "--class-weight", "balanced"),
        ("--augment", "medium", "--copies", 1, "--warmup-epochs", 1),
        (
            *("--augment", "strong", "--unfreeze", "all", "--label-smoothing", 0.1),
            *("--mixed-precision", "--optimizer", "adamw"),
        ),
    ],
)
def test_what_can_be_asked_for(run, fitted, options):
    done = run("finetune", *QUICK, "--epochs", 1, *options)
    assert done.exit_code == 0, done.stderr
    settings = read_run(fitted / "reports" / TUNED).info["settings"]
    assert settings["epochs"] == 1
    assert (fitted / "reports" / "tensorboard").is_dir() == ("--tensorboard" in options)
    if "--preset" in options:
        assert settings["backbone_rate"] == 1.0
        assert settings["schedule"] == "plateau"


@pytest.mark.slow
def test_repeats_are_runs_of_other_seeds(run, fitted):
    words = ("finetune", *QUICK, "--epochs", 2, "--learning-rate", "0.01", "--json")
    (once,), (other,), (both,) = (
        json.loads(run(*words, *more).stdout)
        for more in ((), ("--seed", 1), ("--repeats", 2))
    )
    assert len({one["run"] for one in (once, other, both)}) == 3
    assert both["accuracy"] == once["accuracy"]
    assert both["log_loss"] == pytest.approx(once["log_loss"], rel=1e-4)
    repeats = both["repeats"]
    assert repeats["seeds"] == [0, 1]
    for name in ("val_accuracy", "accuracy", "log_loss"):
        expected = [once[name], other[name]]
        assert repeats[name]["values"] == pytest.approx(expected, rel=1e-4)
        assert repeats[name]["std"] == pytest.approx(np.std(expected, ddof=1), abs=1e-5)
    shown = run(
        "finetune", *QUICK, "--epochs", 2, "--learning-rate", 0.01, "--repeats", 2
    )
    assert "2 trainings; scores above and files are those of the first" in shown.stdout


@pytest.mark.slow
def test_a_killed_one_goes_on(run, fitted, tmp_path):
    program = (
        "import os, featx.training.checkpoints as training\n"
        "save = training.Checkpoints.save\n"
        "def die(one, *words, **options):\n"
        "    save(one, *words, **options)\n"
        "    if len(one.log.rows) == 2: os._exit(9)\n"
        "training.Checkpoints.save = die\n"
        "from featx.cli.main import main\n"
        "main('finetune --epochs 3 --batch-size 8 --validation 0.25'.split())"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == 9
    (state,) = (fitted / "reports").glob(".finetune-*")
    (log,) = state.glob("*/epochs.json")
    before = json.loads(log.read_text())["rows"]
    assert len(before) == 2
    words = ("finetune", "--epochs", 3, "--batch-size", 8, "--validation", 0.25)
    assert run(*words).exit_code == 0
    tuned = fitted / "reports" / TUNED
    history = read_run(tuned).history()
    assert list(history["loss"][:2]) == [row["loss"] for row in before]
    assert len(history["loss"]) == 3
    # A training that nothing interrupted ends with the same curves.
    tuned.rename(tmp_path / "first")
    assert run(*words).exit_code == 0
    whole = read_run(tuned).history()
    np.testing.assert_allclose(history["loss"], whole["loss"], rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], whole["val_loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("finetune",), 1, "there is no run yet"),
        (("finetune", "none"), 1, "no such run folder"),
        (("finetune", "--preset", "sgd-5"), 2, "'sgd-5' is not one of"),
        (("finetune", "--epochs", "0"), 2, "not in the range"),
        (("finetune", "--augment", "lihgt"), 2, "did you mean 'light'"),
        (
            ("finetune", "--augment", "strong", "--copies", "2"),
            2,
            "mixing needs two images",
        ),
        (
            ("finetune", "--augment", "none", "--copies", "2"),
            2,
            "set --augment as well",
        ),
        (
            ("finetune", "--augment", "light", "--copies", "2", "--no-cached"),
            2,
            "leave --cached on",
        ),
    ],
)
def test_wrong_words_without_a_run(run, work, words, code, message):
    done = run(*words)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--unfreeze", "conv_dw_14"), "did you mean 'conv_dw_"),
        (("--unfreeze", "120%"), "use 0% to 100%"),
    ],
)
def test_wrong_words_with_a_run(run, fitted, words, message):
    done = run("finetune", *QUICK, *words)
    assert done.exit_code == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()[-1]) < 400
    assert "Traceback" not in done.stderr


def test_changed_data_is_refused(run, fitted):
    gone = next((fitted / "data" / "train").glob("*/*"))
    content = gone.read_bytes()
    gone.unlink()
    done = run("finetune", *QUICK)
    gone.write_bytes(content)
    assert done.exit_code == 1
    assert "has changed since it was made; fit again" in done.stderr


RECIPE = """
[[extract]]
backbone = "mobilenet-0.25"
image_size = 32
weights = "random"
[[head]]
name = "lda"
[[head]]
name = "softmax"
[[finetune]]
unfreeze = "none"
epochs = 1
validation = 0.25
[[finetune]]
unfreeze = "none"
epochs = 1
validation = 0.25
label_smoothing = 0.1
"""


@pytest.mark.slow
def test_a_recipe_may_fine_tune_the_best_head(run, work):
    (work / "task.toml").write_text(RECIPE)
    done = run("run", "task.toml")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("Before training the model gave the head's") == 2
    assert done.stdout.count("Fine-tuned with ") == 1  # what the other has not
    assert "Fine-tuned with label-smoothing 0.1:" in done.stdout
    assert "softmax" in done.stdout
    again = json.loads(run("run", "task.toml", "--json").stdout)
    heads, tuned = again["runs"][:2], again["runs"][2:]
    best = max(heads, key=lambda one: one["cv_accuracy"])
    assert [one["run"] for one in tuned] == [
        f"{best['run']}-finetune",
        f"{best['run']}-finetune-2",
    ]


@pytest.mark.slow
@pytest.mark.samples
def test_real_birds(run, samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for species in sorted((samples / "cub200-25" / "images").iterdir())[:8]:
        link = tmp_path / "birds" / species.name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(species, target_is_directory=True)
    words = ("--backbone", "mobilenetv2-0.35", "--head", "lda")
    assert run("fit", "birds", *words).exit_code == 0
    done = run("finetune", "--unfreeze", "block_16", "--epochs", 4, "--json")
    assert done.exit_code == 0, done.stderr
    (scores,) = json.loads(done.stdout)
    found = scores["finetune"]
    assert found["graft"]["largest_difference"] < 1e-4
    low, high = found["parent"]["interval"]
    assert scores["accuracy"] >= found["parent"]["accuracy"] - (high - low) / 2
    assert found["boundary"]["seconds_epoch"] > 0
