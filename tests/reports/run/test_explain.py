"""What the scores of a run mean, in sentences."""

import numpy as np
import pytest

from featx.reports.run import confidence as confidence_section
from featx.reports.run.explain import SECTION
from featx.runs.predictions import RunPredictions
from featx.runs.run import Run
from tests.reports.pages import section_words


def words_of(run):
    return section_words(SECTION, run)


@pytest.mark.parametrize(
    ("cv_accuracy", "said"),
    [(0.0, "less than the test split"), (1.0, "more than the test split")],
)
def test_words_compare_cross_validation_and_test(make_run, cv_accuracy, said):
    assert said in words_of(make_run(3, cv_accuracy=cv_accuracy))
    assert "agrees" in words_of(make_run(3))


def test_a_difference_that_the_folds_explain_is_agreement(make_run):
    scores = {"accuracy": 0.8, "cv_accuracy": 0.75}
    ends = {"accuracy": [0.787, 0.812], "cv_accuracy": [0.64, 0.84]}
    assert "agrees" in words_of(make_run(3, extra=scores | {"intervals": ends}))
    ends["cv_accuracy"] = [0.74, 0.76]
    sure = words_of(make_run(3, extra=scores | {"intervals": ends}))
    assert "less than the test split" in sure
    del ends["cv_accuracy"]
    old = words_of(make_run(3, extra=scores | {"intervals": ends}))
    assert "less than the test split" in old


def test_words_about_a_single_image(make_run):
    run = make_run(2, extra={"n_test": 1, "confusion_matrix": [[1, 0], [0, 0]]})
    said = words_of(run)
    assert said.startswith("Of 1 test image that was kept out of training, 1 got")
    assert "always naming the commonest one 100.0%." in said


def test_words_about_many_classes_and_none_about_what_is_missing(make_run):
    run = make_run(3, without=("intervals", "cv_accuracy_std"))
    assert "the lowest" in words_of(run)
    for text in ("95% interval", "agrees", "held out", "other seeds", "initialised"):
        assert text not in words_of(run)
    assert "the lowest" not in words_of(make_run(2))


def scored(make_run, scores):
    """Return a run whose classes have some F1, also as recall, and test images."""
    names = make_run(len(scores)).classes
    rows = [
        {"precision": f1, "recall": f1, "f1": f1, "support": support}
        for f1, support in scores
    ]
    return make_run(
        len(scores), extra={"per_class": dict(zip(names, rows, strict=True))}
    )


def test_best_and_worst_are_named_where_the_test_images_tell_them_apart(make_run):
    run = scored(make_run, [(0.5, 100), (0.95, 100), (0.1, 100)])
    _, best, worst = run.classes[0], run.classes[1], run.classes[2]
    said = words_of(run)
    assert f"It knows {best} best and has the most trouble with {worst}." in said
    assert "fewer than ten" not in said


def test_a_class_of_lower_recall_is_not_known_best(make_run):
    names = make_run(3).classes
    found = [(1.0, 0.7, 0.82, 100), (0.4, 1.0, 0.57, 100), (0.3, 0.05, 0.09, 100)]
    keys = ("precision", "recall", "f1", "support")
    rows = [dict(zip(keys, row, strict=True)) for row in found]
    run = make_run(3, extra={"per_class": dict(zip(names, rows, strict=True))})
    assert "It knows" not in words_of(run)


def test_an_order_that_could_be_chance_is_called_so(make_run):
    run = scored(make_run, [(0.8, 12), (0.95, 12), (0.7, 9)])
    said = words_of(run)
    assert "It knows" not in said
    assert f"{run.classes[1]} has F1 0.95, the highest; {run.classes[2]} has" in said
    assert "the order of the classes could well be another" in said
    assert "1 class has fewer than ten test images" in said


def test_ties_are_called_ties(make_run):
    said = words_of(scored(make_run, [(0.8, 20), (0.0, 20), (0.0, 20)]))
    assert "2 classes have F1 0, the lowest" in said
    assert "All classes have F1 1." in words_of(scored(make_run, [(1.0, 20)] * 3))


def test_copies_among_the_test_images_are_said(make_run):
    said = words_of(make_run(2, extra={"n_test_distinct": 4}))
    assert "They show only 4 different pictures, the others are copies" in said
    n_test = make_run(2).metrics.n_test
    same = words_of(make_run(2, extra={"n_test_distinct": n_test}))
    assert "copies" not in same


def confidence_words(run, monkeypatch, confidence, hits, misses):
    """Return what is said of answers that are all as sure."""
    right, wrong = run.classes
    n = hits + misses
    made = RunPredictions(
        paths=("test/1.png",) * n,
        labels=(right,) * n,
        predicted=(right,) * hits + (wrong,) * misses,
        confidence=np.full(n, confidence),
        probabilities=np.full((n, 2), 0.5),
    )
    monkeypatch.setattr(Run, "predictions", lambda _: made)
    return section_words(confidence_section.SECTION, run)


def test_ten_correct_images_are_no_proof_of_underconfidence(make_run, monkeypatch):
    run = make_run(2)
    assert "chance explains" in confidence_words(run, monkeypatch, 0.93, 10, 0)
    assert "underconfident" in confidence_words(run, monkeypatch, 0.93, 1000, 0)


def test_copies_are_no_proof_of_overconfidence(make_run, monkeypatch):
    once = make_run(2)
    assert "It is overconfident" in confidence_words(once, monkeypatch, 0.96, 144, 16)
    n_test = once.metrics.n_test
    copied = make_run(2, extra={"n_test_distinct": n_test // 4})
    assert "chance explains" in confidence_words(copied, monkeypatch, 0.96, 144, 16)


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(0.99, "overconfident"), (0.51, "underconfident"), (0.8, "chance explains")],
)
def test_words_about_confidence(make_run, monkeypatch, confidence, said):
    words = confidence_words(make_run(2), monkeypatch, confidence, 800, 200)
    assert f"a probability of {100 * confidence:.1f}%, and is right 80.0%" in words
    assert said in words
    gap = abs(confidence - 0.8)
    assert f"(expected calibration error) is {gap:.3f}." in words
