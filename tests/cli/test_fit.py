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


def test_a_learning_curve_is_said_and_in_the_summary(run, work):
    words = ("--head", "lda", "--folds", "2", "--learning-curve")
    done = run("fit", *BACKBONE, *words)
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "lda on mobilenet-0.25: There are too few training images a class" in said
    assert "fitting lda: 7/7 fits" in done.stderr
    (summary,) = json.loads(run("fit", *words, "--json").stdout)
    assert summary["learning_curve"]["reason"] == "few images"
    (work / "recipe.toml").write_text(
        '[data]\npath = "data"\n[[extract]]\nbackbone = "mobilenet-0.25"\n'
        'image_size = 32\nweights = "random"\n'
        '[[head]]\nname = "lda"\nfolds = 2\nlearning_curve = true\n'
    )
    done = run("run", "recipe.toml")
    assert "too few training images a class" in " ".join(done.stdout.split())
