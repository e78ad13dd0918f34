"""`featx compare` shows tests of all pairs, and refuses what can't be compared."""

import json

import pytest

import featx
from featx.runs.write import write_run
from tests.runs.answers import hits, write_answered
from tests.runs.conftest import contents

LONG = "photographs-of-many-birds-efficientnetlite0-"


@pytest.fixture
def reports(tmp_path):
    """Three runs, of which two are as good as each other."""
    folder = tmp_path / "reports"
    for name, wrong in (("svm", 10), ("lda", 14), ("mlp", 90)):
        test = [True] * (60 - wrong // 5) + [False] * (wrong // 5)
        write_answered(folder, LONG + name, hits(200, range(wrong)), test=test)
    return folder


def names(*heads):
    return [LONG + head for head in heads]


def test_tables_fit_into_a_terminal(run, reports, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = run("compare", *names("lda", "svm", "mlp"), "--out-dir", reports)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = " ".join(done.stdout.split())
    assert words.index(f"1 {LONG}svm = 0.950") < words.index(f"2 {LONG}lda = 0.930")
    assert "on training images held out in folds (McNemar's test)" in words
    assert "1, 3 +40.0" in words
    assert "<0.001" in words
    assert "within 1.0 points" in words
    assert "First minus second run, on test images" in words
    assert "= 2 of 3 runs are as good as the best" in words


def test_json(run, reports):
    words = (*names("lda", "svm"), "--out-dir", reports, "--rope", 0.1, "--json")
    found = json.loads(run("compare", *words).stdout)
    assert found["rope"] == 0.1
    assert [one["run"] for one in found["runs"]] == names("svm", "lda")
    assert found["pairs"][0]["folds"]["equivalent"] > 0.9


def test_in_python(reports):
    runs = featx.list_runs(reports)
    found = featx.compare(runs)
    assert isinstance(found, featx.Comparison)
    by_name = featx.compare([run.name for run in runs], reports)
    assert by_name.as_dict() == found.as_dict()
    assert found.standing.as_good == tuple(found.runs[:2])


def test_runs_without_answers_are_compared_on_the_test_split(run, reports):
    paths = [f"test/{i}.png" for i in range(60)]
    for name, kind, cv_accuracy in (("old", "head", 0.9), ("tuned", "finetune", None)):
        settings = {"folds": 5}
        options = {"cv_accuracy": cv_accuracy, "paths": paths, "settings": settings}
        write_run(reports, contents(name, kind=kind, **options))
    done = run("compare", "old", "tuned", *names("svm"), "--out-dir", reports)
    assert done.exit_code == 0, done.stderr
    assert "note: old: an older featx made it" in done.stderr
    assert "note: tuned" not in done.stderr
    assert "held out" not in done.stdout
    assert "on test images" in done.stdout


def test_errors_are_one_line(run, reports):
    def error(*words):
        done = run("compare", *words, "--out-dir", reports)
        assert done.exit_code == 1
        assert done.stderr.count("\n") == 1
        return done.stderr

    assert "0 runs to compare; name two or more" in error()
    assert "1 run to compare" in error(*names("svm", "svm"))
    assert f"did you mean '{LONG}svm'" in error(LONG + "svn", *names("lda"))
    write_answered(reports, "seeded", hits(200, [1]), seed=1)
    assert "the same --folds, --repeats and --seed" in error("seeded", *names("lda"))
    write_answered(reports, "other", hits(200, [1]), data="d1")
    assert "runs of several data sets" in error("other", *names("lda"))
    assert run("compare", "--rope", 1, *names("svm", "lda")).exit_code == 2
