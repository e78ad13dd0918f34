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


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(0.99, "overconfident"), (0.51, "underconfident"), (0.8, "about right")],
)
def test_words_about_confidence(make_run, monkeypatch, confidence, said):
    run = make_run(2)
    right, wrong = run.classes
    made = RunPredictions(
        paths=("test/1.png",) * 1000,
        labels=(right,) * 1000,
        predicted=(right,) * 800 + (wrong,) * 200,
        confidence=np.full(1000, confidence),
        probabilities=np.full((1000, 2), 0.5),
    )
    monkeypatch.setattr(Run, "predictions", lambda _: made)
    words = section_words(confidence_section.SECTION, run)
    assert f"a probability of {100 * confidence:.1f}%, and is right 80.0%" in words
    assert said in words
    gap = abs(confidence - 0.8)
    assert f"(expected calibration error) is {gap:.3f}." in words
