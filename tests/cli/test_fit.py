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


FOREST = "sklearn.ensemble.ExtraTreesClassifier"


def test_any_classifier_of_scikit_learn_is_a_head(run, work):
    words = ("--head", FOREST, "--head", "svm", "--set", "n_estimators=5")
    done = run("fit", *BACKBONE, *words, "--set", "C=0.5", "--folds", 2, "--json")
    assert done.exit_code == 0, done.stderr
    forest, svm = json.loads(done.stdout)
    assert (forest["head"], svm["head"]) == (FOREST, "svm")
    info = json.loads((work / forest["run"] / "run.json").read_text("utf-8"))
    assert f"--head {FOREST} --folds 2 --set n_estimators=5" in info["command"]
    assert info["settings"]["parameters"] == {"n_estimators": 5}
    recipe = (work / forest["run"] / "recipe.toml").read_text("utf-8")
    assert "n_estimators = 5" in recipe
    # The same run in another way isn't made again.
    again = run(*info["command"].split()[1:], "--json")
    assert json.loads(again.stdout)[0]["run"] == forest["run"]
    made = json.loads(run("run", work / forest["run"] / "recipe.toml", "--json").stdout)
    assert made["runs"][0]["run"] == forest["run"]
    name = forest["run"].rpartition("/")[2]
    assert run("predict", name, "data/test").exit_code == 0
    assert run("report", name).exit_code == 0
    page = (work / forest["run"] / "index.html").read_text("utf-8")
    assert FOREST in page
    assert run("report").exit_code == 0
    assert "n_estimators 5" in (work / "reports/index.html").read_text("utf-8")
    refused = run("export", name)
    assert f"{FOREST} has no Keras layers; `featx finetune {name}`" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--head svm --set max_itr=3", 1, "'svm' has no parameter 'max_itr'; did you"),
        ("--head knn --set k=0", 1, "'knn': parameter 'k': input should be greater"),
        ("--set depth=3", 1, "none of the heads 'svm', 'lda', 'logreg' has a param"),
        ("--head svm --set C", 2, "--set 'C': write NAME=VALUE"),
        ("--head svm --set C=1 --set C=2", 2, "--set 'C=2': C is given twice"),
        ("--head sklearn.svm.SVR", 2, "is no classifier of scikit-learn"),
        ("--head sklearn.svm.SVC --tune", 2, "--tune: featx knows no values to try"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(run, work, words, code, said):
    done = run("fit", *BACKBONE, *words.split())
    assert done.exit_code == code
    assert said in done.stderr.splitlines()[-1]
    assert not (work / "cache").exists()
