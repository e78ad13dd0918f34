"""`featx fit`: heads on what was extracted."""

import json

import pytest

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


# Birds are fitted by their recipe, in tests/docs.
@pytest.mark.slow
@pytest.mark.samples
def test_real_objects(run, samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("--backbone", "mobilenetv2-0.35@96", "--head", "lda", "--head", "logreg")
    done = run("fit", samples / "cifar10-small", *words, "--json")
    runs = json.loads(done.stdout)
    best = max(runs, key=lambda one: one["cv_accuracy"])
    assert best["accuracy"] >= 0.64


@pytest.mark.parametrize(
    "option", ["--image-size 32", "--flip", "--layer x", "--weights random"]
)
def test_options_that_would_be_passed_over_are_refused(run, work, option):
    done = run("fit", "--head", "lda", *option.split())
    assert done.exit_code == 2
    assert f"{option.split()[0]} needs --backbone" in done.stderr


def test_hidden_layers_are_for_heads_that_have_some(run, work):
    assert run("extract", *BACKBONE).exit_code == 0
    done = run("fit", "--head", "svm", "--hidden", "8")
    assert done.exit_code == 2
    assert "--hidden needs --head mlp or conv" in done.stderr
    done = run("fit", "--head", "mlp", "--hidden", "8,relu")
    assert done.exit_code == 2
    assert "no layer 'relu'; comma-separated layers are expected" in done.stderr
    done = run("fit", "--head", "conv")
    assert done.exit_code == 1
    assert "'conv': needs the whole maps" in done.stderr
    words = ("--head", "mlp", "--head", "lda", "--hidden", "8", "--folds", "2")
    assert run("fit", *words).exit_code == 0
