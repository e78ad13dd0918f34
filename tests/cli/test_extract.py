"""`featx extract`: which images, backbones, views and layers."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.cli.conftest import WITHOUT_FRAMEWORKS
from tests.conftest import write_image

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


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
        "bad.jpg (not an image, or of an unknown format; download it again"
        in done.stderr
    )
    (listed,) = (work / "cache").glob("*/quarantine.csv")
    assert "bad.jpg" in listed.read_text()
    assert "1 unreadable" in run("extract", *BACKBONE, "--retry").stdout


def test_featx_toml_says_where_the_data_is(run, work):
    (work / "data").rename(work / "photos")
    (work / "featx.toml").write_text('data = "photos"\n')
    assert "36 images" in run("extract", *BACKBONE).stdout
    assert run("fit", "--head", "logreg").exit_code == 0


def test_a_warm_extraction_imports_no_framework(run, work):
    words = [str(word) for word in ("extract", *BACKBONE)]
    assert run(*words).exit_code == 0
    script = WITHOUT_FRAMEWORKS.format(words=words)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "36 in the cache" in done.stdout


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


def test_an_engine_that_is_asked_for(run, work):
    done = run("extract", *BACKBONE, "--engine", "litert", "--json")
    (spec,) = json.loads(done.stdout)["embeddings"]
    assert spec["spec"]["precision"] == "float32"
    (path,) = (work / "cache" / ".models").iterdir()
    assert path.suffix == ".tflite"
    done = run("extract", *BACKBONE, "--engine", "litert", "--precision", "bfloat16")
    assert done.exit_code == 1
    assert "--engine litert: doesn't compute in bfloat16 on this machine" in done.stderr


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_an_engine_that_is_not_there(run, work, monkeypatch, precision):
    monkeypatch.setattr(
        "featx.keras_backend.find_spec", lambda name: None if name == "jax" else name
    )
    words = ("--precision", precision, "--cache-dir", work / "new")
    done = run("extract", *BACKBONE, "--engine", "jax", *words)
    assert done.exit_code == 1
    assert "--engine jax: JAX isn't installed; pip install 'featx[jax]'" in done.stderr


def test_a_converted_backbone_starts_without_tensorflow(run, work):
    pytest.importorskip("openvino")
    words = [str(word) for word in ("extract", *BACKBONE, "--engine", "openvino")]
    words += ["--precision", "float32"]
    assert run(*words).exit_code == 0
    write_image(work / "data" / "train" / "red" / "new.png", (250, 10, 10), seed=99)
    script = WITHOUT_FRAMEWORKS.format(words=words)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 computed" in done.stdout


def test_decoding_in_processes(run, work):
    bad = work / "data" / "train" / "red" / "bad.jpg"
    bad.write_text("no image")
    backbone = (*BACKBONE, "--precision", "float32")
    options = ("--decode-in", "processes", "--decoders", 2, "--cache-dir", "other")
    done = run("extract", *backbone, *options)
    assert done.exit_code == 0, done.stderr
    assert "36 computed" in done.stdout
    assert "1 unreadable" in done.stdout
    run("extract", *backbone)
    words = ("cache", "export", *backbone, "--out")
    run(*words, "threads.npz")
    run(*words, "processes.npz", "--cache-dir", "other")
    found = []
    for name in ("threads.npz", "processes.npz"):
        with np.load(name) as file:
            found.append({key: file[key] for key in file.files})
    assert found[0].keys() == found[1].keys()
    for key, array in found[0].items():
        if array.dtype == np.float32:
            np.testing.assert_array_equal(array, found[1][key])
