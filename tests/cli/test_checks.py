"""What can be known before the work is checked before the work, in every command."""

import json

import pytest

from tests.conftest import write_image

RANDOM = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")
LDA = "data-mobilenet-0.25-random-lda"

RECIPE = """
data.path = "data"

[[extract]]
backbone = "mobilenet-0.25"
image_size = 32
weights = "random"

[[head]]
name = "lda"
"""


@pytest.fixture
def refused(run, work):
    """Run a command that must fail before it computes or makes anything."""

    def refused(*words, reason):
        before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
        done = run(*words)
        assert done.exit_code == 1
        (line,) = done.stderr.splitlines()  # there was no progress to show
        assert line.startswith("featx: error: ")
        assert reason in line
        assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before

    return refused


@pytest.mark.parametrize(
    "words",
    [
        ("inspect",),
        ("fit", "--head", "lda", *RANDOM),
        ("train", "--network", "basenet"),
    ],
    ids=str,
)
def test_a_folder_for_runs_that_is_a_file(refused, work, words):
    (work / "file").touch()
    refused(*words, "--out-dir", "file/reports", reason="file/reports: can't write")


def test_a_head_that_does_not_fit(refused, work):
    words = ("fit", *RANDOM, "--head", "conv")
    refused(*words, reason="needs the whole maps of one backbone")
    words = ("fit", *RANDOM, "--image-size", 48, "--pooling", "none", "--head", "conv")
    refused(*words, reason="2 embeddings side by side")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('[finetune]\nunfreeze = "conv99"', "conv99"),
        ("[finetune]\ntensorboard = true", "TensorBoard is not installed"),
        ('[[network]]\nname = "basenet"\nimage_size = 8', "at least"),
        ('report.out_dir = "file"', "file: can't write"),
    ],
)
def test_the_last_steps_of_a_recipe(refused, work, lines, reason, monkeypatch):
    monkeypatch.setattr("featx.pipeline.contents.find_spec", lambda name: None)
    (work / "file").touch()
    dotted, _, tables = RECIPE.partition("\n\n")
    if lines.startswith("report"):
        (work / "r.toml").write_text(f"{dotted}\n{lines}\n\n{tables}")
    else:
        (work / "r.toml").write_text(f"{RECIPE}\n{lines}\n")
    refused("run", "r.toml", reason=reason)


def test_a_parameter_of_a_head_that_is_unknown(refused, work):
    (work / "r.toml").write_text(f"{RECIPE}parameters = {{Cc = 1}}\n")
    refused("run", "r.toml", reason="Cc")


def test_the_file_of_exported_embeddings(refused, work):
    (work / "file").touch()
    words = ("cache", "export", *RANDOM, "--out", "file/rows.h5")
    refused(*words, reason="file/rows.h5: can't write")


def test_where_a_public_data_set_goes(refused, work):
    (work / "file").touch()
    refused("data", "mnist", "--out", "file/mnist", reason="file: Not a directory")


def test_runs_that_are_not_there(refused, work):
    for command in (
        ("report", "none"),
        ("predict", "none", "data"),
        ("export", "none"),
    ):
        refused(*command, reason="reports/none: no such run folder")


def test_the_folder_of_runs_may_have_what_is_wanted(run, work, monkeypatch):
    """In one that can't be written to, a run that is there is found."""
    words = ("fit", "--head", "lda", *RANDOM, "--json")
    (first,) = json.loads(run(*words).stdout)

    def refuse(folder, room=1):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("featx.runs.write.check_writable", refuse)
    assert json.loads(run(*words).stdout) == [first]
    write_image(work / "data" / "train" / "red" / "new.png", (9, 9, 9), size=(40, 40))
    assert run("report").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("train", "data", "--network", "cnn"),
        ("finetune", LDA),
        ("export", LDA, "--format", "tflite"),
        ("run", "r.toml"),
    ],
    ids=str,
)
def test_what_needs_tensorflow(refused, run, work, words, monkeypatch):
    assert run("fit", "--head", "lda", *RANDOM).exit_code == 0
    (work / "r.toml").write_text(f"{RECIPE}\n[finetune]\n")
    missing = "TensorFlow isn't installed; pip install 'featx[tensorflow]'"
    monkeypatch.setattr("featx.frameworks.missing_backend", {"tensorflow": missing}.get)
    refused(*words, reason=f" needs TensorFlow: {missing}")


def test_images_for_a_network_where_there_is_no_tensorflow(
    refused, work, make_finetuned, monkeypatch
):
    trained = make_finetuned()
    monkeypatch.setattr("featx.frameworks.missing_backend", "{} is missing".format)
    reason = "predicting with a trained network needs TensorFlow: tensorflow is missing"
    refused("predict", trained.path, "data", reason=reason)
