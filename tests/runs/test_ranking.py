"""The best run is the best by cross-validation, within one data set."""

import pytest

from featx.errors import RunError
from featx.runs.ranking import best_run, rank_runs, same_data
from featx.runs.run import list_runs
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
