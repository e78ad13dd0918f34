"""What the user can mend is told in one line, with the promised exit code."""

import signal
import subprocess
import sys

import pytest

from tests.conftest import make_colours, write_image

RANDOM = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


def assert_one_line(result, *parts):
    lines = result.stderr.splitlines()
    assert result.exit_code == 1, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("featx: error: ")
    for part in parts:
        assert part in lines[0]
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_missing_folder(run, tmp_path):
    done = run("extract", tmp_path / "none", *RANDOM)
    assert_one_line(done, "no such folder", "name the folder that holds the images")


def test_a_single_class(run, tmp_path):
    write_image(tmp_path / "data" / "cat" / "1.png", (1, 2, 3))
    done = run("extract", tmp_path / "data", *RANDOM)
    assert_one_line(done, "only one class, 'cat'", "needs at least two")


def test_no_images(run, tmp_path):
    (tmp_path / "data" / "cat").mkdir(parents=True)
    assert_one_line(run("extract", tmp_path / "data", *RANDOM), "no images")


def test_two_spellings_of_a_class(run, tmp_path):
    root = make_colours(tmp_path / "data")
    (root / "train" / "blue").rename(root / "train" / "Red_")
    done = run("extract", root, *RANDOM)
    assert_one_line(done, "train/red", "train/Red_", "rename one")


def test_an_empty_class_is_noted(run, tmp_path):
    root = make_colours(tmp_path / "data", size=(40, 40))
    (root / "train" / "violet").mkdir()
    done = run("extract", root, *RANDOM, "--cache-dir", tmp_path / "cache")
    assert done.exit_code == 0
    assert "note: no images in 'train/violet', left out" in done.stderr


def test_labels_and_files_that_do_not_match_are_noted(run, tmp_path):
    root = tmp_path / "data"
    for number in range(4):
        write_image(root / "train" / f"{number}.png", (number, 2, 3), size=(40, 40))
    (root / "labels.csv").write_text("id,breed\n0,a\n1,b\n2,a\n9,b\n")
    done = run("extract", root, *RANDOM, "--cache-dir", tmp_path / "cache")
    assert done.exit_code == 0, done.stderr
    assert "1 labels in labels.csv match no file, left out: '9'" in done.stderr
    assert "1 images have no label in labels.csv" in done.stderr


def test_weights_that_are_not_there(run, tmp_path):
    root = make_colours(tmp_path / "data")
    words = ("--backbone", "resnet50", "--weights", tmp_path / "none.h5")
    assert_one_line(run("extract", root, *words), "none.h5")


def test_no_network_and_no_weights(run, tmp_path, monkeypatch):
    root = make_colours(tmp_path / "data")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    # Nothing listens there: as without a network, whatever this machine has.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxies
    cache = ("--cache-dir", tmp_path / "cache")
    done = run("extract", root, "--backbone", "resnet50", *cache)
    assert done.exit_code == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("featx: error: the ImageNet weights of resnet50")
    assert "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5" in line
    assert str(tmp_path / "keras" / "models") in line
    assert "Traceback" not in done.stderr


def test_nothing_extracted_yet(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_colours(tmp_path / "data")
    done = run("fit", "--head", "svm")
    assert_one_line(done, "nothing was extracted", "run `featx extract` first")


def test_no_runs_yet(run, tmp_path):
    done = run("report", "--out-dir", tmp_path)
    assert_one_line(done, "no runs yet", "`featx fit` makes some")
    assert_one_line(run("report", "none", "--out-dir", tmp_path), "no such run folder")


def test_a_test_size_that_has_no_use(run, tmp_path):
    root = make_colours(tmp_path / "data", size=(40, 40))
    words = (*RANDOM, "--cache-dir", tmp_path / "cache", "--head", "lda")
    done = run("fit", root, *words, "--test-size", 0.5)
    assert done.exit_code == 1
    assert "has its own test split" in done.stderr


def test_a_cache_that_cannot_be_written(run, tmp_path):
    root = make_colours(tmp_path / "data")
    (tmp_path / "cache").write_text("")
    done = run("extract", root, *RANDOM, "--cache-dir", tmp_path / "cache")
    assert_one_line(done, "can't write", "--cache-dir")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("extract", "--backbone", "resnet5O"), "did you mean 'resnet50'"),
        (("extract", "--backbone", "vgg16", "--pooling", "mean"), "'mean' is not one"),
        (("train",), "Missing option '--network'"),
        (("fit", "--head", "svn"), "did you mean 'svm'"),
        (("fit", "--head", "svm", "--image-size", "64"), "needs --backbone"),
        (("fit", "--head", "svm", "--test-size", "1.5"), "not in the range"),
        (("extrct",), "No such command 'extrct'"),
        (("extract", "--bakbone", "x"), "No such option"),
    ],
)
def test_wrong_usage_leaves_with_two(run, words, message):
    done = run(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_a_traceback_only_with_debug(run, tmp_path):
    plain = run("extract", tmp_path / "none", *RANDOM)
    assert "Traceback" not in plain.stderr
    debug = run("extract", tmp_path / "none", *RANDOM, "--debug")
    assert debug.exit_code == 1
    assert "Traceback" in debug.stderr
    assert "featx: error: " in debug.stderr


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interrupt_is_one_line_and_a_code(tmp_path, sent, code):
    root = make_colours(tmp_path / "data", train=60, size=(40, 40))
    words = [*map(str, RANDOM), "--batch-size", "1", "--cache-dir", str(tmp_path / "c")]
    with subprocess.Popen(
        [sys.executable, "-m", "featx", "extract", str(root), *words],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # The first line is written when stage one begins; then the model is loaded.
        assert "0/192 images" in process.stderr.readline()
        process.send_signal(sent)
        said = process.stderr.read()
        assert process.wait() == code
    assert said.splitlines()[-1] == "featx: interrupted; what was computed is kept"
    assert "Traceback" not in said


def test_a_pipe_that_closes_early_is_no_error(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m featx backbones --json | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[\n"
    assert done.stderr == ""
