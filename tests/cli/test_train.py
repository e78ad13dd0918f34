"""`featx train` as a user meets it, and the errors of `featx data`."""

import json

import pytest

from featx.networks.table import NETWORKS

SMALL = ("--image-size", 16, "--epochs", 1)
HEADLESS = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


@pytest.mark.slow
def test_a_network_beside_heads(run, work, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = run("train", "--network", "basenet", *SMALL, "--folds", 2, "--repeats", 2)
    assert done.exit_code == 0, done.stderr
    assert "data: 24 training and 12 test images, 3 classes" in done.stdout
    assert "basenet" in done.stdout
    assert "in cross-validation" in done.stdout
    assert "2 trainings; scores above and files are those of the first" in done.stdout
    for name in ("held out", "test acc", "log loss", "deviation", "seed 1"):
        assert name in done.stdout
    assert "conv2d_1" in done.stdout
    assert done.stdout.endswith("reports/data-basenet\n")
    assert "training basenet: 4/4 epochs" in done.stderr
    again = run("train", "--network", "BaseNet", *SMALL, "--folds", 2, "--repeats", 2)
    assert "basenet: fitted before" in again.stderr
    plain = run("train", "--network", "basenet", *SMALL, "--json")
    (scores,) = json.loads(plain.stdout)
    assert scores["run"] == "reports/data-basenet-2"
    assert scores["cv_accuracy"] is None
    assert scores["parameters"] > 1000
    assert run("fit", *HEADLESS, "--head", "lda").exit_code == 0
    reported = run("report")
    assert reported.exit_code == 0, reported.stderr
    words = " ".join(reported.stdout.split())
    assert "data-basenet-2 from scratch" in words
    assert [line for line in reported.stdout.splitlines() if len(line) > 80] == []
    page = (work / "reports" / "index.html").read_text("utf-8")
    assert page.count("<h2>") == 1  # the same data, known by the same fingerprint


@pytest.mark.slow
def test_pretraining(run, work):
    words = ("--pretrain", "autoencoder", "--pretrain-epochs", 2)
    done = run("train", "--network", "basenet", *SMALL, *words)
    assert done.exit_code == 0, done.stderr
    assert "pre-training basenet: 2/2 epochs" in done.stderr
    assert "training basenet: 1/1 epochs" in done.stderr
    assert "pretrain autoencoder, pretrain-epochs 2" in done.stdout
    again = run("run", "reports/data-basenet/recipe.toml")
    assert "basenet: fitted before" in again.stderr
    reported = run("report")
    assert reported.exit_code == 0, reported.stderr
    page = (work / "reports" / "data-basenet" / "index.html").read_text("utf-8")
    assert 'href="reconstructions.png"' in page
    plain = run("train", "--network", "basenet", *SMALL)
    assert plain.stdout.endswith("reports/data-basenet-2\n")
    assert "pre-training" not in plain.stderr


def test_the_help_names_the_networks(run):
    lines = [line.strip() for line in run("train", "--help").stdout.splitlines()]
    for row in NETWORKS.values():
        assert f"{row.name:<10} {row.summary}" in lines


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("train",), 2, "Missing option '--network'"),
        (
            ("train", "--network", "lenet"),
            2,
            "no network 'lenet'; did you mean 'basenet'",
        ),
        (("train", "--network", "cnn", "--learning-rate", "0"), 2, "not in the range"),
        (("train", "--network", "cnn", "--test-size", "0.5"), 1, "has its own test"),
        (("train", "--network", "cnn", "--pretrain", "gan"), 2, "'autoencoder'"),
        (("train", "none", "--network", "cnn"), 1, "no such folder"),
        (
            ("train", "--network", "residual", "--image-size", "40"),
            1,
            "residual needs images of at least 64x64 pixels, not 40x40; set",
        ),
        (("data", "cifar"), 2, "'cifar' is not one of 'cifar10', 'cifar100'"),
        (("data", "mnist", "--classes", "1"), 2, "not in the range"),
        (("data", "mnist", "--seed", "1"), 2, "--seed needs --per-class"),
        (("data", "mnist", "--classes", "11"), 1, "has 10 classes, not 11"),
        (("data", "mnist", "--out", "data"), 1, "data exists already"),
    ],
)
def test_errors_take_one_line(run, work, words, code, message):
    done = run(*words)
    assert done.exit_code == code
    assert message in done.stderr
    assert done.stdout == ""
    if code == 1:
        assert done.stderr.splitlines()[-1].startswith("featx: error: ")
