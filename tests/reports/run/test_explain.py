"""What the scores of a run mean, in sentences."""

import numpy as np
import pytest

from featx.reports.run.confidence import explain_confidence
from featx.reports.run.explain import SECTION
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
    assert "It knows" in words_of(run)
    for text in ("95% interval", "agrees", "held out", "other seeds", "initialised"):
        assert text not in words_of(run)
    assert "It knows" not in words_of(make_run(2))


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(0.99, "overconfident"), (0.51, "underconfident"), (0.8, "about right")],
)
def test_words_about_confidence(confidence, said):
    correct = np.arange(1000) < 800
    assert said in explain_confidence(np.full(1000, confidence), correct, 0.1)
