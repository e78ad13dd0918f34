"""The best run is the best by cross-validation, within one data set."""

import pytest

from featx.errors import RunError
from featx.runs.ranking import best_run, rank_runs, same_data, tied_with
from featx.runs.read import list_runs
from featx.runs.write import write_run


@pytest.fixture
def runs(tmp_path, make_contents):
    for name, cv_accuracy, data in [
        ("b", 0.8, "d0"),
        ("a", 0.8, "d0"),
        ("c", 0.9, "d1"),
        ("d", 0.7, "d0"),
    ]:
        write_run(tmp_path, make_contents(name, cv_accuracy=cv_accuracy, data=data))
    return list_runs(tmp_path)


def names(runs):
    return [run.name for run in runs]


def test_rank(runs):
    assert names(rank_runs(reversed(runs))) == ["c", "a", "b", "d"]


def test_best(runs):
    assert best_run(iter(runs)).name == "c"


def test_ties_are_of_the_same_cross_validation(runs):
    a, _, c, _ = sorted(runs, key=lambda run: run.name)
    assert names(tied_with(a, runs)) == ["a", "b"]
    assert tied_with(c, runs) == [c]


def test_no_run():
    with pytest.raises(RunError, match="no run yet; `featx fit"):
        best_run([])


def test_the_test_part_never_chooses(tmp_path, make_contents, runs):
    contents = make_contents("z", cv_accuracy=0.1)
    contents.metrics["accuracy"] = 1.0
    run = write_run(tmp_path, contents)
    assert best_run([run, *runs]).name == "c"


def test_same_data(runs):
    groups = same_data(runs)
    assert {key: names(group) for key, group in groups.items()} == {
        "d0": ["a", "b", "d"],
        "d1": ["c"],
    }


def test_random_weights(tmp_path, make_contents):
    assert write_run(tmp_path, make_contents(weights="random")).random_weights


def make_finetuned(folder, make_contents, name, val_accuracy):
    contents = make_contents(name, cv_accuracy=None, kind="finetune")
    contents.metrics.update(val_accuracy=val_accuracy, accuracy=1.0)
    return write_run(folder, contents)


def test_fine_tuned_runs_come_last_by_the_part_held_out(tmp_path, make_contents, runs):
    tuned = [
        make_finetuned(tmp_path, make_contents, name, val_accuracy)
        for name, val_accuracy in [("e", 0.7), ("f", 0.99), ("g", None)]
    ]
    ranked = rank_runs([*tuned, *runs])
    assert names(ranked) == ["c", "a", "b", "d", "f", "e", "g"]
    assert best_run(ranked).name == "c"
    with pytest.raises(RunError, match="no run yet"):
        best_run(tuned)


def measured(folder, make_contents, name, cv_accuracy, settings, loss=None):
    contents = make_contents(name, cv_accuracy=cv_accuracy)
    contents.info["settings"] = settings
    contents.metrics["cv_log_loss"] = loss
    return write_run(folder, contents)


def test_only_what_was_measured_alike_is_ranked(tmp_path, make_contents):
    once = {"folds": 5, "repeats": 1, "seed": 0}
    thrice = {**once, "repeats": 3}
    runs = [
        measured(tmp_path, make_contents, "svm-3", 0.9, thrice),
        measured(tmp_path, make_contents, "svm-1", 0.8, once),
        measured(tmp_path, make_contents, "lda-1", 0.7, once),
    ]
    assert names(rank_runs(runs)) == ["svm-1", "lda-1", "svm-3"]
    assert best_run(runs).name == "svm-1"
    # Of as many runs, those that were measured more thoroughly come first.
    assert names(rank_runs(runs[:2])) == ["svm-3", "svm-1"]


def test_log_loss_decides_between_equal_accuracies(tmp_path, make_contents):
    same = {"folds": 5, "repeats": 1, "seed": 0}
    runs = [
        measured(tmp_path, make_contents, name, 0.8, same, loss)
        for name, loss in [("a", 0.5), ("b", 0.4), ("c", None)]
    ]
    assert names(rank_runs(runs)) == ["b", "a", "c"]
