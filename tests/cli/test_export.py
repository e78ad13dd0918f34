"""`featx export` on the command line."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featx.cli.export import FORMATS
from featx.pipeline import model_check, model_formats
from featx.pipeline.model_formats import MODEL_FORMATS
from tests.conftest import make_colours

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")
TWO_SIZES = (*BACKBONE, "--image-size", 48, "--flip")
LDA = "data-mobilenet-0.25-random-lda"

# Plain Keras, without featx: answers for each row of predictions.csv in its order.
PLAIN_KERAS = """
import sys
import keras
import numpy as np
model = keras.saving.load_model(sys.argv[1], safe_mode=True)
images = np.load(sys.argv[2])
np.save(sys.argv[3], model.predict([images[one.name] for one in model.inputs]))
assert "featx" not in sys.modules
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a run of a head on two sizes, mirrored too."""
    from click.testing import CliRunner

    from featx.cli.main import main

    folder = tmp_path_factory.mktemp("fitted")
    make_colours(folder / "data", size=(40, 40))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["fit", "--head", "lda", *map(str, TWO_SIZES)]
        done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.stderr
    (run,) = (folder / "reports").glob("data-*")
    run.rename(run.with_name(LDA))
    return folder


@pytest.fixture
def head(fitted, monkeypatch):
    """The run's folder, without an export; the work is where it is."""
    monkeypatch.chdir(fitted)
    path = Path("reports") / LDA
    shutil.rmtree(path / "export", ignore_errors=True)
    return path


def written_of(path):
    """Return paths and probabilities of `predictions.csv`."""
    rows = [line.split(",") for line in (path / "predictions.csv").open()][1:]
    return [row[0] for row in rows], np.array([row[4:] for row in rows], float)


def test_the_choices_are_the_formats():
    assert tuple(MODEL_FORMATS) == FORMATS


def test_a_head_becomes_a_model_for_plain_keras(run, head, tmp_path):
    done = run("export", LDA)
    assert done.exit_code == 0, done.stderr
    assert "model.keras" in done.stdout
    assert "on 12 test images, beside predictions.csv" in done.stdout
    folder = head / "export"
    names = {".lock", "classes.txt", "export.json", "model.keras"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "classes.txt").read_text() == "blue\ngreen\nred\n"
    facts = json.loads((folder / "export.json").read_text())
    assert [one["name"] for one in facts["inputs"]] == ["images_32", "images_48"]
    assert facts["formats"]["keras"]["check"]["largest_difference"] < 1e-4

    paths, expected = written_of(head)
    assert np.ptp(expected, axis=0).min() > 0.1  # they tell the images apart
    source = [np.asarray(Image.open(Path("data") / path)) for path in paths]
    import cv2

    images = {
        f"images_{side}": np.stack([cv2.resize(one, (side, side)) for one in source])
        for side in (32, 48)
    }
    np.savez(tmp_path / "images.npz", **images)
    out = tmp_path / "out.npy"
    words = [(folder / "model.keras").absolute(), tmp_path / "images.npz", out]
    program = [sys.executable, "-P", "-c", PLAIN_KERAS, *map(str, words)]
    clean = {"PATH": "", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(program, check=True, cwd=tmp_path, env=clean, capture_output=True)
    assert np.abs(np.load(out) - expected).max() < 1e-4


@pytest.mark.parametrize("name", ["savedmodel", "tflite", "onnx"])
def test_other_formats_answer_alike_too(run, head, name):
    for package in MODEL_FORMATS[name].versions:
        pytest.importorskip(package)
    for _ in range(2 if name == "savedmodel" else 1):  # the second takes its place
        done = run("export", LDA, "--format", name, "--json")
        assert done.exit_code == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["check"]["images"] == 12
    assert found["check"]["largest_difference"] < 1e-4
    assert found["check"]["other_classes"] == 0
    assert found["bytes"] > 10_000
    names = {".lock", "classes.txt", "export.json", MODEL_FORMATS[name].file}
    assert {path.name for path in (head / "export").iterdir()} == names


def test_a_network_is_exported_as_it_is(run, work):
    words = ("--network", "basenet", "--image-size", 32, "--epochs", 1)
    assert run("train", *words).exit_code == 0
    done = run("export", "data-basenet", "--format", "keras", "--format", "tflite")
    assert done.exit_code == 0, done.stderr
    folder = work / "reports" / "data-basenet" / "export"
    facts = json.loads((folder / "export.json").read_text())
    assert [one["name"] for one in facts["inputs"]] == ["images"]
    assert set(facts["formats"]) == {"keras", "tflite"}
    # What was written before is still told of, but not what is gone.
    (folder / "model.tflite").unlink()
    (folder / ".aside-killed").write_bytes(b"half")
    assert run("export", "data-basenet").exit_code == 0
    facts = json.loads((folder / "export.json").read_text())
    assert set(facts["formats"]) == {"keras"}
    assert not (folder / ".aside-killed").exists()


def test_a_model_that_says_something_else_is_not_kept(run, head, monkeypatch):
    assert run("export", LDA, "--format", "keras").exit_code == 0
    before = (head / "export" / "model.keras").read_bytes()
    rows = (head / "predictions.csv").read_text()
    other = rows.replace("0.9", "0.8")
    assert other != rows
    (head / "predictions.csv").write_text(other)
    done = run("export", LDA)
    (head / "predictions.csv").write_text(rows)
    assert done.exit_code == 1
    assert "model.keras: its probabilities differ from predictions.csv" in done.stderr
    assert "make the run again" in done.stderr
    assert (head / "export" / "model.keras").read_bytes() == before

    broken = lambda *_: np.full((12, 3), np.nan)  # noqa: E731
    expected = model_check.Expected("x", np.full((12, 3), 1 / 3))
    for answer, reason in ((broken, "by nan"), (lambda _: np.ones((9, 2)), "shape")):
        with pytest.raises(model_check.ExportError, match=reason):
            model_check.check(head, answer, {}, expected)


def test_lower_precision_is_measured_by_float32(run, work):
    words = ("--precision", "bfloat16", *BACKBONE)
    assert run("extract", *words).exit_code == 0
    assert run("fit", "--head", "lda").exit_code == 0
    done = run("export", LDA)
    assert done.exit_code == 0, done.stderr
    assert "beside the head on float32 embeddings" in done.stdout
    assert "lower precision changes probabilities" in done.stdout
    facts = json.loads((work / "reports" / LDA / "export/export.json").read_text())
    check = facts["formats"]["keras"]["check"]
    assert check["largest_difference"] < 1e-4 < check["drift"]


def test_errors_are_one_line(run, head, monkeypatch):
    def fails(*_):
        raise ValueError("no such operation\nat length")

    broken = model_formats.ModelFormat("keras", "model.keras", fails, fails)
    monkeypatch.setitem(MODEL_FORMATS, "keras", broken)
    done = run("export", LDA)
    assert done.exit_code == 1
    reason = "can't be written as keras (ValueError: no such operation)"
    assert reason in done.stderr
    assert not (head / "export" / "model.keras").exists()

    lacking = model_formats.ModelFormat(
        *("onnx", "model.onnx", fails, fails), versions=("not_there",), extra="onnx"
    )
    monkeypatch.setitem(MODEL_FORMATS, "onnx", lacking)
    done = run("export", LDA, "--format", "onnx")
    assert 'not_there not installed; pip install "featx[onnx]"' in done.stderr
    with pytest.raises(model_check.ExportError, match="'h5': no format; there are"):
        model_formats.find_format("h5")

    image = Path("data/test/red/000.png")
    content = image.read_bytes()
    image.write_bytes(b"no image")
    done = run("export", LDA)
    assert "red/000.png: not an image" in done.stderr
    image.unlink()
    done = run("export", LDA)
    image.write_bytes(content)
    assert done.exit_code == 1
    assert "red/000.png: gone (1 of 12 test images are)" in done.stderr


def test_trees_are_sent_to_fine_tuning(run, work):
    assert run("fit", "--head", "gboost", *BACKBONE).exit_code == 0
    name = "data-mobilenet-0.25-random-gboost"
    done = run("export", name)
    assert done.exit_code == 1
    assert done.stderr.count("\n") >= 1
    assert f"gboost has no Keras layers; `featx finetune {name}`" in done.stderr


def test_one_export_at_a_time(run, head):
    from featx.locks import FolderLock

    (head / "export").mkdir()
    with FolderLock(head / "export" / ".lock").alone() as alone:
        assert alone
        done = run("export", LDA)
    assert done.exit_code == 1
    assert "another process is exporting there" in done.stderr
