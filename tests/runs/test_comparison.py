"""Runs are compared on the images that both answered, never by the test split."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from featx.errors import RunError
from featx.evaluation.comparison import bayesian_t_test, corrected_t_test
from featx.evaluation.intervals import paired_difference
from featx.runs.comparison import compare_runs, find_standing, simplicity
from featx.runs.write import write_run
from tests.made_runs import with_info
from tests.runs.answers import FOLDS, hits, write_answered
from tests.runs.conftest import one_line

N = 200


@pytest.fixture
def make(tmp_path):
    def make(name, wrong=(), **options):
        return write_answered(tmp_path, name, hits(N, wrong), **options)

    return make


def names(runs):
    return [run.name for run in runs]


def test_a_pair(make):
    better, worse = make("a", range(10)), make("b", range(5, 55), test=[False] * 8)
    found = compare_runs([worse, better])
    assert names(found.runs) == ["a", "b"]
    (pair,) = found.pairs
    assert names([pair.first, pair.second]) == ["a", "b"]
    assert (pair.cv.gained, pair.cv.lost) == (45, 5)
    assert pair.cv.difference == pytest.approx(0.2)
    _, interval = paired_difference(
        hits(N, range(10)), hits(N, range(5, 55)), n=N / 2.25
    )
    assert pair.cv.interval == pytest.approx(interval)
    assert pair.cv.p_value == pytest.approx(2 * norm.sf(40 / np.sqrt(2.25 * 50)))
    assert pair.cv.adjusted == pair.cv.p_value
    assert pair.cv.is_significant
    assert (pair.test.gained, pair.test.lost) == (8, 0)
    assert pair.test.p_value == pytest.approx(2 / 2**8)
    by_fold = [run.cv_predictions().by_fold.accuracy for run in (better, worse)]
    differences = by_fold[0] - by_fold[1]
    assert pair.folds.p_value == corrected_t_test(differences, 1 / FOLDS)
    assert pair.folds[1:] == bayesian_t_test(differences, 1 / FOLDS, 0.01)


def test_p_values_are_adjusted_for_all_pairs(make):
    found = compare_runs([make("a"), make("b", range(30)), make("c", range(9))])
    raw = [pair.cv.p_value for pair in found.pairs]
    adjusted = [pair.cv.adjusted for pair in found.pairs]
    smallest = int(np.argmin(raw))
    assert adjusted[smallest] == pytest.approx(3 * raw[smallest])
    assert all(a >= p for a, p in zip(adjusted, raw, strict=True))


def test_standing(make):
    runs = [make("a", range(10)), make("b", range(14)), make("c", range(80))]
    found = compare_runs(runs).standing
    assert found == find_standing(reversed(runs))
    assert found.best.name == "a"
    assert names(found.as_good) == ["a", "b"]
    assert found.compared == 3
    assert found.optimism == 0  # in every fold the first is the best


def test_the_test_split_has_no_say(make):
    runs = [make("a", range(10), test=[False] * 8), make("b", range(14))]
    assert find_standing(runs).best.name == "a"


def test_copies_have_one_vote(make):
    wrong = range(60)
    copies = np.where(np.arange(N) < 60, 0, np.arange(N))
    found = compare_runs([make("a", groups=copies), make("b", wrong, groups=copies)])
    assert (found.pairs[0].cv.gained, found.pairs[0].cv.p_value) == (1, 1.0)
    assert names(found.standing.as_good) == ["a", "b"]


def test_copies_among_the_test_images_count_as_fewer(make):
    runs = [make("a", test=[True] * 30), make("b", test=[False] * 9 + [True] * 21)]
    plain = compare_runs(runs).pairs[0].test
    copied = [
        replace(run, metrics=run.metrics.model_copy(update={"n_test_effective": 15.0}))
        for run in runs
    ]
    halved = compare_runs(copied).pairs[0].test
    assert halved.p_value > plain.p_value
    assert halved.interval[0] < plain.interval[0]


def test_repeats(tmp_path):
    ours = np.stack([hits(N, range(4)), hits(N, range(8))])
    theirs = np.stack([hits(N, range(60)), hits(N, range(40))])
    runs = [
        write_answered(tmp_path, name, correct)
        for name, correct in (("a", ours), ("b", theirs))
    ]
    found = compare_runs(runs)
    assert found.pairs[0].cv.difference == pytest.approx(0.22)
    assert (found.pairs[0].cv.gained, found.pairs[0].cv.lost) == (56, 0)
    assert names(found.standing.as_good) == ["a"]


def test_the_simplest_is_recommended(make):
    specs = [{"backbone": "resnet50"}, {"backbone": "resnet50", "flip": True}]
    runs = [
        make("a", embedding=specs, linear=True, parameters=5),
        make("b", range(1), embedding=specs[:1], linear=False, parameters=5),
        make("c", range(2), embedding=specs[:1], linear=True, parameters=50),
        make("d", range(3), embedding=specs[:1], linear=True, parameters=40),
        make("e", range(99), embedding=specs[:1], linear=True, parameters=4),
    ]
    assert names(sorted(runs[:4], key=simplicity)) == ["d", "c", "b", "a"]
    assert find_standing(runs).recommended.name == "d"
    alike = {"linear": True, "parameters": 9}
    slow, quick, at_once = (
        with_info(runs[0], timings={"fit": seconds}, **alike) for seconds in (900, 9, 1)
    )
    assert simplicity(at_once) == simplicity(quick) < simplicity(slow)


def test_optimism_of_the_best(make):
    """In one fold of five the second one is better, by all of its images."""
    fifth = range(0, N, FOLDS)
    found = find_standing([make("a", fifth), make("b", range(N // 2))])
    assert found.best.name == "a"
    # There b has half of the images right, and a none.
    assert found.optimism == pytest.approx(0.5 / FOLDS)


def test_what_was_not_validated_alike_is_not_compared(make, tmp_path, make_contents):
    runs = [
        make("a", range(5)),
        make("b", range(6)),
        make("c", range(4), settings={"folds": 3}),
        write_run(tmp_path, make_contents("old", cv_accuracy=0.99)),
    ]
    # The old one keeps no answers, and it is the best: nothing can be said.
    assert find_standing(runs) is None
    found = find_standing(runs[:3])
    assert (found.best.name, found.compared) == ("a", 2)
    assert find_standing(runs[:1]) is None
    assert find_standing([]) is None


def test_a_damaged_run_is_left_out(make):
    runs = [make("a", range(5)), make("b", range(6)), make("c", range(7))]
    path = runs[2].path / "cv_predictions.h5"
    path.write_bytes(b"damaged")
    assert find_standing(runs).compared == 2
    with pytest.raises(RunError) as caught:
        compare_runs(runs)
    one_line(caught, path)


def test_a_run_that_was_not_cross_validated(make, tmp_path, make_contents):
    contents = make_contents(
        "tuned",
        cv_accuracy=None,
        kind="finetune",
        paths=[f"test/{i}.png" for i in range(8)],
    )
    tuned = write_run(tmp_path, contents)
    found = compare_runs([tuned, make("a")])
    assert names(found.runs) == ["a", "tuned"]
    (pair,) = found.pairs
    assert (pair.cv, pair.folds, found.standing) == (None, None, None)
    assert pair.test.gained == int(
        (contents.probabilities.argmax(1) != [0, 1] * 4).sum()
    )


def test_as_a_dictionary(make):
    found = compare_runs([make("a", range(5)), make("b", range(6))], rope=0.02)
    shown = json.loads(json.dumps(found.as_dict()))
    assert shown["data"] == "pets"
    assert shown["rope"] == 0.02
    assert [run["run"] for run in shown["runs"]] == ["a", "b"]
    (pair,) = shown["pairs"]
    assert set(pair) == {"first", "second", "cv", "folds", "test"}
    assert set(pair["folds"]) == {"p_value", "better", "equivalent", "worse"}
    assert shown["best"] == "a"
    assert shown["as_good_as_best"] == ["a", "b"]
    assert {"recommended", "optimism"} <= set(shown)
    assert repr(found) == "Comparison(a, b)"


def test_runs_that_cannot_be_compared(make):
    run = make("a")
    cases = [
        ([], "0 runs to compare; name two or more"),
        ([run, run], "1 run to compare; name two or more"),
        (
            [run, make("other", data="d1")],
            r"several data sets or splits \(pets\); scores compare only within one",
        ),
        (
            [run, make("seeded", seed=3)],
            "seeded was cross-validated in 5 folds with seed 3 and a in .* seed 0;",
        ),
        (
            [run, make("shifted", shift=1)],
            "shifted and a were cross-validated on other",
        ),
        ([run, make("fewer", test=[True] * 7)], "fewer and a were tested on other"),
    ]
    for runs, message in cases:
        with pytest.raises(RunError, match=message):
            compare_runs(runs)
    with pytest.raises(RunError, match="rope 1: must be from 0 to less than 1"):
        compare_runs([run, make("b")], rope=1)
