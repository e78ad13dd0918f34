"""What the scores of a run mean, in sentences."""

import numpy as np
import pytest

from featx.reports.run.confidence import explain_confidence
from featx.reports.run.explain import explain


@pytest.mark.parametrize(
    ("cv_accuracy", "said"),
    [(0.0, "less than the test split"), (1.0, "more than the test split")],
)
def test_words_compare_cross_validation_and_test(make_run, cv_accuracy, said):
    assert said in " ".join(explain(make_run(3, cv_accuracy=cv_accuracy)))
    assert "agrees" in " ".join(explain(make_run(3)))


def test_words_about_a_single_image(make_run):
    run = make_run(2, extra={"n_test": 1, "confusion_matrix": [[1, 0], [0, 0]]})
    assert explain(run)[0].startswith("Of 1 test image that was kept out of training")


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(0.99, "overconfident"), (0.51, "underconfident"), (0.8, "about right")],
)
def test_words_about_confidence(confidence, said):

    correct = np.arange(1000) < 800
    assert said in explain_confidence(np.full(1000, confidence), correct, 0.1)
