"""The commands of the contract, on a small backbone with random weights."""

import json
import os
import subprocess
import sys

import pytest

from featx.cli.main import main
from tests.cli.conftest import WITHOUT_FRAMEWORKS, run_process
from tests.conftest import write_image

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


def test_the_three_commands(run, work):
    extracted = run("extract", *BACKBONE)
    assert extracted.exit_code == 0, extracted.stderr
    assert (
        "36 images, 3 classes (class folders in train/, tested on test/)"
        in extracted.stdout
    )
    assert "36 computed" in extracted.stdout
    again = run("extract", *BACKBONE)
    assert "0 computed, 36 in the cache, 0 unreadable" in again.stdout
    fitted = run("fit", "--head", "svm", "--head", "lda")
    assert fitted.exit_code == 0, fitted.stderr
    assert "data: 24 training and 12 test images, 3 classes" in fitted.stdout
    assert "(random weights)" in fitted.stdout
    assert "Best by cross-validation: " in fitted.stdout
    assert "note: the backbone's weights are random" in fitted.stderr
    assert "fitted before" in run("fit", "--head", "svm").stderr
    reported = run("report")
    assert reported.exit_code == 0, reported.stderr
    assert reported.stdout.endswith("reports/index.html\n")
    for name in ("svm", "lda"):
        folder = work / "reports" / f"data-mobilenet-0.25-random-{name}"
        assert {"run.json", "metrics.json", "predictions.csv", "head.joblib"} <= {
            path.name for path in folder.iterdir()
        }
        assert (folder / "index.html").is_file()
        assert (folder / "confusion_counts.png").is_file()


def test_lines_fit_a_terminal_of_80_columns(run, work):
    lines = run("extract", *BACKBONE).stdout.splitlines()
    lines += run("fit", "--head", "lda").stdout.splitlines()
    lines += run("report").stdout.splitlines()
    lines += run("backbones").stdout.splitlines() + run("heads").stdout.splitlines()
    for command in ("", *main.commands):
        words = [command] if command else []
        lines += run(*words, "--help").stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("words", [(), ("cache",)])
def test_the_summary_of_each_command_fits_its_line(run, words):
    listed = run(*words, "--help").stdout.partition("Commands:\n")[2]
    assert listed
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


def test_json_is_for_scripts(run, work):
    extracted = json.loads(run("extract", *BACKBONE, "--json").stdout)
    assert extracted["images"] == 36
    assert extracted["embeddings"][0]["computed"] == 36
    assert extracted["embeddings"][0]["spec"]["backbone"] == "mobilenet-0.25"
    (fitted,) = json.loads(run("fit", "--head", "lda", "--json").stdout)
    assert fitted["head"] == "lda"
    assert fitted["intervals"]["accuracy"][0] <= fitted["accuracy"]
    reported = json.loads(run("report", "--json").stdout)
    assert reported["page"] == "reports/index.html"
    assert len(json.loads(run("backbones", "--json").stdout)) > 40
    assert len(json.loads(run("heads", "--json").stdout)) == 7


def test_a_recipe_is_run_whole(run, work):
    (work / "task.toml").write_text(
        '[data]\npath = "data/train"\ntest_size = 0.4\nseed = 3\n'
        '[cache]\nfolder = "c"\nbatch_size = 5\n'
        '[[extract]]\nbackbone = "mobilenet-0.25"\nimage_size = 32\n'
        'weights = "random"\npooling = "max"\n'
        '[[head]]\nname = "logreg"\nfolds = 3\n[head.parameters]\nC = 0.5\n'
        '[report]\nout_dir = "r"\n'
    )
    done = run("run", "task.toml")
    assert done.exit_code == 0, done.stderr
    assert "train: 14 training and 10 test images, 3 classes" in done.stdout
    assert done.stdout.endswith("r/index.html\n")
    info = json.loads(
        (work / "r/train-mobilenet-0.25-random-logreg/run.json").read_text()
    )
    assert info["settings"]["head_parameters"]["C"] == 0.5
    assert "40% cut off for the test, seed 3" in info["data"]["layout"]
    assert info["embedding"][0]["pooling"] == "max"
    scores = json.loads(run("run", "task.toml", "--json").stdout)
    assert scores["runs"][0]["head"] == "logreg"


def test_labels_and_lists_on_the_command_line(run, work):
    images = sorted((work / "data" / "train").glob("*/*.png"))
    (work / "labels.csv").write_text(
        "number;picture;kind\n"
        + "".join(
            f"{i};{p.parent.name}/{p.stem};{p.parent.name}\n"
            for i, p in enumerate(images)
        )
    )
    words = ("--path-column", "picture", "--label-column", "kind")
    done = run("extract", "data/train", "--labels", "labels.csv", *words, *BACKBONE)
    assert "24 images, 3 classes (labels in labels.csv)" in done.stdout
    (work / "data" / "a.txt").write_text(
        "".join(f"train/{p.parent.name}/{p.name}\n" for p in images[:12])
    )
    (work / "data" / "b.txt").write_text(
        "".join(f"train/{p.parent.name}/{p.name}\n" for p in images[:12])
    )
    done = run(
        "extract", "data", "--train-list", "a.txt", "--test-list", "b.txt", *BACKBONE
    )
    assert done.exit_code == 1
    assert "an image can't be on both" in done.stderr


def test_several_backbones_and_sizes(run, work):
    words = ("--backbone", "mobilenet-0.25", "--weights", "random")
    done = run("extract", *words, "--image-size", 32, "--image-size", 40, "--json")
    assert [e["spec"]["image_size"] for e in json.loads(done.stdout)["embeddings"]] == [
        32,
        40,
    ]
    (fitted,) = json.loads(run("fit", "--head", "lda", "--json").stdout)
    assert fitted["backbone"] == "mobilenet-0.25-32+mobilenet-0.25-40"


def test_quarantine_and_retry(run, work):
    bad = work / "data" / "train" / "red" / "bad.jpg"
    bad.write_text("no image")
    done = run("extract", *BACKBONE)
    assert done.exit_code == 0
    assert "1 unreadable" in done.stdout
    assert (
        "bad.jpg (not an image, or of an unknown format; fetch it again" in done.stderr
    )
    (listed,) = (work / "cache").glob("*/quarantine.csv")
    assert "bad.jpg" in listed.read_text()
    assert "1 unreadable" in run("extract", *BACKBONE, "--retry").stdout


def test_featx_toml_says_where_the_data_is(run, work):
    (work / "data").rename(work / "photos")
    (work / "featx.toml").write_text('data = "photos"\n')
    assert "36 images" in run("extract", *BACKBONE).stdout
    assert run("fit", "--head", "logreg").exit_code == 0


def test_a_named_run_is_rendered_alone(run, work):
    run("extract", *BACKBONE)
    run("fit", "--head", "logreg", "--head", "lda")
    done = run("report", "data-mobilenet-0.25-random-lda")
    assert "data-mobilenet-0.25-random-lda/index.html" in done.stdout
    assert not (work / "reports/data-mobilenet-0.25-random-logreg/index.html").exists()


def test_a_warm_extraction_imports_no_framework(run, work):
    words = [str(word) for word in ("extract", *BACKBONE)]
    assert run(*words).exit_code == 0
    script = WITHOUT_FRAMEWORKS.format(words=words)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "36 in the cache" in done.stdout


def test_help_imports_nothing_heavy():
    script = WITHOUT_FRAMEWORKS.format(words=["--help"]) + (
        "heavy = {'numpy', 'h5py', 'pydantic', 'rich', 'cv2', 'PIL'}\n"
        "assert not heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_python_m_featx_is_the_same(tmp_path):
    done = run_process("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("featx, version ")
    assert run_process("heads", cwd=tmp_path).stdout.count("\n") > 5


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "least"),
    [
        pytest.param("cub200-25", 0.74, marks=pytest.mark.slow),
        pytest.param("cifar10-small", 0.64, marks=pytest.mark.slow),
    ],
)
def test_real_birds_and_objects(run, samples, tmp_path, monkeypatch, name, least):
    monkeypatch.chdir(tmp_path)
    words = ("--backbone", "mobilenetv2-0.35", "--head", "lda", "--head", "logreg")
    runs = json.loads(run("fit", samples / name, *words, "--json").stdout)
    best = max(runs, key=lambda one: one["cv_accuracy"])
    assert best["accuracy"] >= least


def test_a_file_name_that_is_no_utf8_is_no_trouble(run, work):
    odd = os.fsdecode(b"data/test/red/caf\xe9.png")
    try:
        write_image(work / "x.png", (200, 40, 60), seed=1).rename(odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    done = run("extract", *BACKBONE)
    assert done.exit_code == 0, done.stderr
    assert run("fit", "--head", "logreg").exit_code == 0
    done = run("report")
    assert done.exit_code == 0, done.stderr


def test_views_layers_and_whole_maps(run, work):
    words = ("--weights", "random", "--layer", "conv_pw_6_relu", "--pooling", "none")
    sizes = ("--backbone", "mobilenet-0.25@32", "--backbone", "mobilenet-0.25@48")
    done = run("extract", *sizes, *words, "--flip", "--precision", "float32")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("36 computed") == 4
    assert (
        "mobilenet-0.25 at 48 pixels, layer conv_pw_6_relu, none pooling, flipped"
    ) in done.stdout
    fitted = run("fit", "--head", "lda")
    assert fitted.exit_code == 0, fitted.stderr
    info = json.loads(next(work.glob("reports/*/run.json")).read_text())
    assert [spec["image_size"] for spec in info["embedding"]] == [32, 32, 48, 48]
    # The command in the report makes the same run again.
    again = run(*info["command"].split()[1:])
    assert again.exit_code == 0, again.stderr
    assert "fitted before" in again.stderr


def test_an_unknown_layer_gets_the_nearest_names_and_leaves_nothing(run, work):
    done = run("extract", *BACKBONE, "--layer", "conv_pw_6_rel")
    assert done.exit_code == 1
    assert "did you mean 'conv_pw_6_relu'" in done.stderr
    assert not list((work / "cache").glob("mobilenet*"))


def test_sizes_are_given_in_one_way(run, work):
    done = run("extract", "--backbone", "resnet50@64", "--image-size", 32)
    assert done.exit_code == 2
    assert "give the size after @ or by --image-size, not both" in done.stderr


@pytest.mark.parametrize(
    "option", ["--image-size 32", "--flip", "--layer x", "--weights random"]
)
def test_options_that_would_be_passed_over_are_refused(run, work, option):
    done = run("fit", "--head", "lda", *option.split())
    assert done.exit_code == 2
    assert f"{option.split()[0]} needs --backbone beside it" in done.stderr


def test_mirrored_views_are_of_all_embeddings_or_of_none(run, work):
    (work / "task.toml").write_text(
        '[[extract]]\nbackbone = "mobilenet-0.25"\nflip = true\n'
        '[[extract]]\nbackbone = "resnet50"\n[[head]]\nname = "lda"\n'
    )
    done = run("run", "task.toml")
    assert done.exit_code == 1
    assert "extract.flip: true for some backbones only" in done.stderr


def test_hidden_layers_are_for_heads_that_have_some(run, work):
    assert run("extract", *BACKBONE).exit_code == 0
    done = run("fit", "--head", "svm", "--hidden", "8")
    assert done.exit_code == 2
    assert "--hidden needs --head mlp or conv beside it" in done.stderr
    done = run("fit", "--head", "mlp", "--hidden", "8,relu")
    assert done.exit_code == 2
    assert "no layer 'relu'; comma-separated layers are expected" in done.stderr
    done = run("fit", "--head", "conv")
    assert done.exit_code == 1
    assert "'conv': needs the whole maps" in done.stderr
    words = ("--head", "mlp", "--head", "lda", "--hidden", "8", "--folds", "2")
    assert run("fit", *words).exit_code == 0
