"""`featx predict` on the command line."""

import csv
import importlib
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import joblib
import numpy as np
import pytest

from featx.frameworks import import_keras
from featx.images.arrays import read_pixels
from featx.images.sources import ImageFiles, View
from featx.predict import predict as predicting
from featx.runs.read import read_run
from tests.cli.conftest import WITH_FEW_RIGHTS, in_folder, run_process
from tests.conftest import make_colours, write_image

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")
RUN = "data-mobilenet-0.25-random-lda"


@pytest.fixture(scope="module")
def once_fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    make_colours(folder / "data", size=(40, 40))
    in_folder(folder, "fit", "--head", "lda", *BACKBONE)
    return folder


@pytest.fixture
def fitted(once_fitted, tmp_path, monkeypatch):
    """A folder to work in, with images, their embeddings and a run of a head."""
    shutil.copytree(once_fitted, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_answers_in_every_form(run, fitted):
    done = run("predict", RUN, "data/test")
    assert done.exit_code == 0, done.stderr
    assert "data/test/blue/000.png" in done.stdout
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    rows = list(
        csv.reader(io.StringIO(run("predict", RUN, "data/test", "--csv").stdout))
    )
    written = (fitted / "reports" / RUN / "predictions.csv").read_text().splitlines()
    assert [row[1] for row in rows[1:]] == [line.split(",")[2] for line in written[1:]]
    (one,) = json.loads(
        run("predict", RUN, "data/test/red/000.png", "--json", "--top-k", 2).stdout
    )
    assert len(one["top"]) == 2
    assert one["predicted"] == next(iter(one["top"]))
    (fitted / "sample.csv").write_text("id,red,green,blue\n001.png,0,0,0\n")
    filled = run("predict", RUN, "data/test/red", "--submission", "sample.csv")
    assert filled.stdout.startswith("id,red,green,blue\n001.png,")


def test_unreadable_images_are_among_the_answers(run, fitted):
    (fitted / "data" / "test" / "red" / "bad.png").write_text("no image")
    done = run("predict", RUN, "data/test/red", "--json")
    *good, bad = json.loads(done.stdout)
    assert len(good) == 4
    assert not any("unreadable" in one for one in good)
    assert bad.pop("unreadable").startswith("not an image")
    nothing = {"predicted": None, "confidence": None, "top": {}}
    assert bad == {"path": "data/test/red/bad.png", **nothing}


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (None, "sample.csv: can't be read (No such file or directory)"),
        ("id,cat,dog\n001,0,0\n", "column 'cat' is not a class"),
        ("id,label\nnone,red\n", "no prediction for 'none'"),
    ],
)
def test_a_submission_is_checked_before_the_work(run, fitted, sample, reason):
    if sample:
        (fitted / "sample.csv").write_text(sample)
    done = run("predict", RUN, "data/test/red", "--submission", "sample.csv")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()  # no progress: nothing was computed
    assert reason in line


def test_a_cache_that_cannot_be_written_stops_no_prediction(run, fitted):
    shutil.copytree("data/test", "new")
    write_image(fitted / "new" / "red" / "new.png", (200, 9, 9), size=(40, 40))
    shutil.copytree("cache", "writable")
    words = ("predict", RUN, "new", "--csv", "--cache-dir")
    read_only = [
        fitted / "reports" / RUN,
        fitted / "cache",
        *(fitted / "cache").glob("*/"),
    ]
    for folder in read_only:
        folder.chmod(0o555)
    command = [*WITH_FEW_RIGHTS, "-m", "featx", *words, "cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for folder in read_only:
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "can't write (Permission denied): new embeddings are not kept" in done.stderr
    assert "0/1 images" in done.stderr  # the others are in the cache
    assert done.stdout == run(*words, "writable").stdout


def test_a_weights_file_that_is_not_there(run, fitted):
    for words in (("predict", RUN, "data"), ("finetune", RUN), ("export", RUN)):
        done = run(*words, "--weights", "none.h5")
        assert done.exit_code == 1
        assert done.stderr == "featx: error: --weights none.h5: no such file\n"


def test_errors_are_one_line(run, work):
    done = run("predict", "nothing", "data/test")
    assert done.exit_code == 1
    assert done.stderr.startswith("featx: error: reports/nothing: no such run")
    done = run("predict", "nothing", "data/test", "--csv", "--json")
    assert done.exit_code == 2
    assert "choose one of" in done.stderr


def test_networks_answer_with_their_own_model(run, work, monkeypatch):
    words = ("--network", "basenet", "--image-size", 32, "--epochs", 1)
    done = run("train", *words)
    assert done.exit_code == 0, done.stderr
    (bad := work / "data" / "test" / "red" / "bad.png").write_text("no image")
    answered = run("predict", "data-basenet", "data/test", "--csv")
    assert answered.exit_code == 0, answered.stderr
    assert f"{bad.relative_to(work)}: not an image" in answered.stderr
    rows = list(csv.reader(io.StringIO(answered.stdout)))
    with (work / "reports" / "data-basenet" / "predictions.csv").open() as stream:
        written = list(csv.reader(stream))
    assert rows.pop() == ["data/test/red/bad.png", *[""] * 5]
    for row, expected in zip(rows[1:], written[1:], strict=True):
        assert row[1] == expected[2]
        assert abs(float(row[2]) - float(expected[3])) < 1e-5
    # However many are in a batch, one that can't be read alone among them, and with the
    # weights as constants, which many images are worth.
    for at_once, freeze_from in ((1, 512), (5, 512), (5, 2)):
        monkeypatch.setattr(predicting, "BATCH_SIZE", at_once)
        monkeypatch.setattr(predicting, "FREEZE_FROM", freeze_from)
        again = run("predict", "data-basenet", "data/test", "--csv")
        numbers = [list(map(float, row[2:])) for row in rows[1:]]
        told = list(csv.reader(io.StringIO(again.stdout)))[:-1]
        assert [row[:2] for row in told] == [row[:2] for row in rows]
        found = [list(map(float, row[2:])) for row in told[1:]]
        np.testing.assert_allclose(found, numbers, atol=1e-5)
        assert f"{bad.relative_to(work)}: not an image" in again.stderr
    none = run("predict", "data-basenet", bad)
    assert none.exit_code == 1
    assert "none of 1 images can be read" in none.stderr
    (work / "reports" / "data-basenet" / "model.keras").write_text("no zip")
    broken = run("predict", "data-basenet", "data/test")
    assert broken.exit_code == 1
    assert "model.keras: damaged (its SHA-256 is not" in broken.stderr


def predict_in(home, *words):
    environment = {**os.environ, "KERAS_HOME": str(home)}
    return run_process("predict", *words, env=environment)


@pytest.mark.slow
def test_the_classes_of_imagenet(work):
    home = work / "home"
    (home / "models").mkdir(parents=True)
    keras = import_keras()
    network = keras.applications.MobileNet(alpha=0.25, weights=None)
    # Random weights say nearly the same of all images; these don't.
    network.layers[-3].set_weights(
        [
            10 * np.random.default_rng(0).normal(size=weight.shape)
            for weight in network.layers[-3].get_weights()
        ]
    )
    network.save(home / "models" / "mobilenet_2_5_224_tf.h5")
    words = ("--imagenet", "mobilenet-0.25", "data/test", "--json", "--top-k", 1000)
    done = predict_in(home, *words)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    files = ImageFiles([work / one["path"] for one in answers])
    pixels, _ = read_pixels(files, View(224), work)
    inputs = keras.applications.mobilenet.preprocess_input(pixels.astype(np.float32))
    expected = network.predict(inputs, verbose=0)
    assert len(answers) == 12
    for one, row in zip(answers, expected, strict=True):
        top = one["top"]
        assert len(top) == 1000
        assert top["tench"] == pytest.approx(row[0], abs=1e-5)
        assert top["crane n02012849"] == pytest.approx(row[134], abs=1e-5)
        assert top["crane n03126707"] == pytest.approx(row[517], abs=1e-5)
        assert max(top.values()) == pytest.approx(row.max(), abs=1e-5)


@pytest.mark.slow
def test_damaged_weights_of_imagenet_are_one_line(work):
    home = work / "home"
    (home / "models").mkdir(parents=True)
    (home / "models" / "mobilenet_2_5_224_tf.h5").write_bytes(b"damaged")
    words = ("--imagenet", "mobilenet-0.25", "data/test")
    done = predict_in(home, *words)
    assert done.returncode == 1
    assert "with its ImageNet classifier could not be read or" in done.stderr
    assert "remove a damaged one there" in done.stderr
    assert "Traceback" not in done.stderr


def test_imagenet_needs_no_network(run, work, monkeypatch):
    def connect(*_):
        raise AssertionError("connects")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setenv("KERAS_HOME", str(work / "nothing"))
    words = ("--imagenet", "efficientnetlite0", "data/test/red", "--csv")
    done = run("predict", *words)
    assert done.exit_code == 0, done.stderr
    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert [header[3], header[-1]] == ["p_tench", "p_toilet_tissue"]
    assert len(rows) == 4
    for row in rows:
        assert sum(map(float, row[3:])) == pytest.approx(1)
    assert not (work / "nothing").exists()


@pytest.mark.slow
@pytest.mark.samples
@pytest.mark.skipif("FEATX_SAMPLES" not in os.environ, reason="needs FEATX_SAMPLES")
def test_breeds_of_dogs_are_told(run):
    folder = Path(os.environ["FEATX_SAMPLES"]) / "dog-breeds"
    with (folder / "labels.csv").open() as stream:
        breeds = {row["id"]: row["breed"] for row in csv.DictReader(stream)}
    files = sorted((folder / "train").glob("*.jpg"))[:32]
    done = run("predict", "--imagenet", "efficientnetlite0", *files, "--json")
    answers = json.loads(done.stdout)
    right = [
        one["predicted"].lower() == breeds[Path(one["path"]).stem] for one in answers
    ]
    assert np.mean(right) > 0.75  # the published accuracy over all classes


def test_imagenet_needs_no_run(run, work):
    done = run("predict", "data/test")
    assert done.exit_code == 2
    assert "name a RUN and images, or images and --imagenet" in done.stderr
    done = run("predict", "--imagenet", "mobilenet-0.25", "x", "--weights", "y")
    assert "--weights is for a RUN" in done.stderr
    done = run("predict", "--imagenet", "mobilnet", "data/test")
    assert "did you mean 'mobilenet'" in done.stderr
    done = run("predict", "--imagenet", "mobilenet", "nowhere")
    assert "nowhere: no such file or folder" in done.stderr


def test_prediction_sets(run, fitted):
    words = ("predict", RUN, "data/test")
    plain = run(*words, "--csv").stdout
    done = run(*words, "--coverage", 0.9, "--csv")
    assert done.exit_code == 0, done.stderr
    assert "contains its true class for about 0.9 of images" in done.stderr
    header, *rows = csv.reader(io.StringIO(done.stdout))
    doubts = ["set_size", "set", "unlike_training"]
    assert header[:6] == ["path", "predicted", "confidence", *doubts]
    without = [row[:3] + row[6:] for row in (header, *rows)]
    assert without == list(csv.reader(io.StringIO(plain)))
    for row in rows:
        names = json.loads(row[4])
        assert len(names) == int(row[3])
        assert names[0] == row[1]
        assert 0 <= float(row[5]) < 1
    entries = json.loads(run(*words, "--coverage", 0.9, "--json").stdout)
    assert [one["set"] for one in entries] == [json.loads(row[4]) for row in rows]
    assert [one["set_size"] for one in entries] == [int(row[3]) for row in rows]
    table = run(*words, "--coverage", 0.9).stdout
    assert "set size" in table
    # There are 24 training images: too few to promise as much as that.
    done = run(*words, "--coverage", 0.99, "--json")
    assert "too few of the 24 held-out images" in done.stderr
    assert {one["set_size"] for one in json.loads(done.stdout)} == {3}


def test_unreadable_images_have_no_set(run, fitted):
    (fitted / "data" / "test" / "red" / "bad.png").write_text("no image")
    words = ("predict", RUN, "data/test/red", "--coverage", 0.9)
    *_, bad = json.loads(run(*words, "--json").stdout)
    assert [bad[name] for name in ("set", "set_size", "unlike_training")] == [None] * 3
    last = run(*words, "--csv").stdout.splitlines()[-1]
    assert last == "data/test/red/bad.png" + "," * 8


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ("--coverage", 1.5),
            "Invalid value for '--coverage': 1.5 is not in the range",
        ),
        (("--coverage", 0), "Invalid value for '--coverage': 0.0 is not in the range"),
        (("--coverage", 0.9, "--submission", "x.csv"), "no place in a"),
        (("--coverage", 0.9, "--imagenet", "mobilenet"), "--coverage is for a RUN"),
    ],
)
def test_coverages_that_cannot_be(run, work, words, reason):
    done = run("predict", RUN, "data/test", *words)
    assert done.exit_code == 2
    assert reason in done.stderr.splitlines()[-1]


def test_a_run_that_has_no_held_out_predictions(run, fitted):
    path = fitted / "reports" / RUN / "run.json"
    told = json.loads(path.read_text())
    old = {key: told[key] for key in told if not key.endswith("s_sha256")}
    del old["familiarity_sha256"]
    for changes, hint in (
        ({}, "fit again with this featx"),
        ({"kind": "network"}, "train it with --cross-validate"),
    ):
        path.write_text(json.dumps({**old, **changes}))
        done = run("predict", RUN, "data/test", "--coverage", 0.9)
        assert done.exit_code == 1
        (line,) = done.stderr.splitlines()
        assert f"reports/{RUN}: no prediction sets" in line
        assert hint in line
    path.write_text(json.dumps(old))
    assert run("predict", RUN, "data/test").exit_code == 0


def test_images_like_nothing_in_training_are_named(run, fitted, monkeypatch):
    # With 24 training images no other image would be 99% sure to be unlike them.
    for name in ("featx.evaluation.familiarity", "featx.predict.predictions"):
        monkeypatch.setattr(importlib.import_module(name), "UNLIKE", 0.5)
    write_image(fitted / "new" / "noise.png", (120, 120, 120), size=(40, 40), noise=99)
    done = run("predict", RUN, "new", "--csv")
    assert done.exit_code == 0, done.stderr
    assert "1 of 1 images is like nothing in training" in done.stderr
    assert "don't trust what is predicted for new/noise.png" in done.stderr
    assert "unlike_training" not in done.stdout


def test_a_pickled_head_needs_trust(run, fitted):
    answers = run("predict", RUN, "data/test", "--csv").stdout
    folder = fitted / "reports" / RUN
    joblib.dump(read_run(folder).load_head(), folder / "head.joblib")
    (folder / "head.safetensors").unlink()
    for words in (["predict", RUN, "data/test"], ["export", RUN], ["finetune", RUN]):
        done = run(*words)
        assert done.exit_code == 1
        assert done.stderr.startswith(
            f"featx: error: reports/{RUN}/head.joblib: a pickle, which can run code"
        )
        assert done.stderr.count("\n") == 1
        assert "--trust" in run(words[0], "--help").stdout
    trusted = run("predict", RUN, "data/test", "--csv", "--trust")
    assert trusted.exit_code == 0, trusted.stderr
    assert trusted.stdout == answers
    read = read_run(folder)
    assert predicting.predict(read, "data/test", trust=True).to_csv() == answers
    # Fitting again writes the arrays, and needs no trust.
    again = run("fit", "--head", "lda", *BACKBONE)
    assert again.exit_code == 0, again.stderr
    assert run("predict", f"{RUN}-2", "data/test", "--csv").stdout == answers
