"""Squash, crop and pad, from `featx extract` to predictions and exported models."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from featx.images.resizing import Fit, resize
from featx.pipeline.recipe import read_recipe
from featx.runs.read import read_run
from tests.conftest import make_colours

RANDOM = ("--weights", "random", "--precision", "float32")
SMALL = ("--backbone", "mobilenet-0.25@32")
ALL = ("squash", "crop", "pad")


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder to work in, with wide images."""
    make_colours(tmp_path / "data", size=(60, 40))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written_of(run):
    """Return the test images as they are, and the probabilities in the run."""
    found = run.predictions()
    pixels = [np.asarray(Image.open(f"data/{path}")) for path in found.paths]
    return pixels, found.probabilities


@pytest.mark.slow
def test_each_way_is_a_spec_of_its_own(run, work):
    words = [word for way in ALL for word in ("--resize", way)]
    done = run("extract", *SMALL, *RANDOM, *words)
    assert done.exit_code == 0, done.stderr
    assert "mobilenet-0.25 at 32 pixels, cropped, float32" in done.stdout
    again = run("extract", *RANDOM, "--backbone", "mobilenet-0.25@32:pad")
    assert "0 computed, 36 in the cache" in again.stdout
    names = sorted(path.name[:-10] for path in (work / "cache").glob("mobilenet*"))
    start = "mobilenet-0.25-32"
    assert names == [f"{start}-avg-", f"{start}-crop-avg-", f"{start}-pad-avg-"]
    listed = run("cache", "list")
    assert "crop" in listed.stdout
    verified = run("cache", "verify", "data")
    assert verified.exit_code == 0, verified.stderr


@pytest.mark.slow
def test_a_run_of_several_ways_is_one_model_of_as_many_images(run, work):
    fused = [f"mobilenet-0.25@32{way}" for way in ("", ":crop", ":pad")]
    words = [word for one in fused for word in ("--backbone", one)]
    done = run("fit", *words, *RANDOM, "--head", "lda", "--folds", 2)
    assert done.exit_code == 0, done.stderr
    name = "data-mobilenet-0.25+mobilenet-0.25-crop+mobilenet-0.25-pad-random-lda"
    fitted = read_run(work / "reports" / name)
    assert all(one in fitted.info.command for one in fused)
    recipe = read_recipe(fitted.path / "recipe.toml")
    assert [one.resize for one in recipe.extract] == list(ALL)
    again = run("run", fitted.path / "recipe.toml")
    assert "fitted before" in again.stderr, again.stderr

    done = run("export", name)
    assert done.exit_code == 0, done.stderr
    inputs = json.loads((fitted.path / "export/export.json").read_text())["inputs"]
    assert [one["name"] for one in inputs] == [
        "images_32",
        "images_32_crop",
        "images_32_pad",
    ]
    pixels, expected = written_of(fitted)
    model = keras.saving.load_model(fitted.path / "export" / "model.keras")
    given = model.predict(
        [
            np.stack([resize(one, Fit(32, 32, spec["resize"])) for one in pixels])
            for spec in inputs
        ],
        verbose=0,
    )
    assert np.ptp(expected, axis=0).min() > 0.1  # they tell the images apart
    assert np.abs(given - expected).max() < 1e-4

    quick = ("--epochs", 1, "--batch-size", 8, "--validation", 0.25)
    tuned = run("finetune", name, *quick, "--no-cached")
    assert tuned.exit_code == 0, tuned.stderr
    check_answers(run, read_run(work / "reports" / f"{name}-finetune"))
    mixed = run("finetune", name, "--augment", "mixup")
    assert "mixes images of one size" in mixed.stderr
    assert "resized in one way, but this run uses 3" in mixed.stderr


def check_answers(run, made):
    """Compare what `featx predict` says of the test images with what the run says."""
    answers = run("predict", made.name, "data/test", "--json", "--top-k", 3)
    assert answers.exit_code == 0, answers.stderr
    told = {one["path"]: one["top"] for one in json.loads(answers.stdout)}
    found = made.predictions()
    for path, row in zip(found.paths, found.probabilities, strict=True):
        for label, expected in zip(made.classes, row, strict=True):
            assert told[f"data/{path}"][label] == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_networks_are_shown_images_in_the_same_way_again(run, work):
    words = ("train", "--network", "basenet", "--epochs", 2)
    assert run(*words, "--resize", "crop").exit_code == 0
    made = read_run(work / "reports" / "data-basenet-crop")
    assert " --resize crop" in made.info.command
    assert made.views[0].resize == made.info.settings["resize"] == "crop"
    check_answers(run, made)
    assert run(*words).exit_code == 0
    squashed = read_run(work / "reports" / "data-basenet")
    assert squashed.views[0].resize == "squash"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("extract", "--backbone", "resnet50:crop", "--resize", "pad"),
            "resnet50:crop: give the resize after : or by --resize, not both",
        ),
        (
            ("extract", "--backbone", "resnet50:zoom"),
            "resnet50:zoom: write NAME@SIZE:RESIZE, such as resnet50@160:crop; RESIZE",
        ),
        *(
            (("extract", "--backbone", short), f"--backbone {short}: write NAME@SIZE")
            for short in ("vgg16@", "vgg16@x", "vgg16@6_4", "vgg16:crop@64", "vgg16@9:")
        ),
        (
            ("extract", "--backbone", "vgg16@40960"),
            "'--image-size': Input should be less than or equal to 4096",
        ),
        (
            ("extract", "--backbone", "resnet50@160:crop", "--image-size", 96),
            "give the size after @ or by --image-size, not both",
        ),
        (
            ("predict", "data-lda", "data", "--resize", "crop"),
            "--resize is for --imagenet; a RUN has its own",
        ),
    ],
)
def test_errors_say_what_to_give(run, work, words, message):
    done = run(*words)
    assert done.exit_code == 2
    assert message in done.stderr.replace("\n", " ")


def test_a_run_that_does_not_say_how_its_images_were_resized(run, work):
    assert run("train", "--network", "basenet", "--epochs", 1).exit_code == 0
    path = work / "reports" / "data-basenet" / "run.json"
    content = json.loads(path.read_text())
    del content["settings"]["image_size"]
    path.write_text(json.dumps(content))
    done = run("predict", "data-basenet", "data/test")
    assert done.exit_code == 1
    assert "run.json has no 'image_size'; another version of featx" in done.stderr
