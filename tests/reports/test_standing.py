"""What is said of ties agrees with how many runs there are."""

import pytest

from featx.reports.standing import explain_optimism, explain_ties
from featx.runs.comparison import Standing
from tests.cli.test_show import made

A, B, C, D = (made(head, 0.9) for head in "abcd")


def standing(*as_good, compared, optimism=0.0):
    return Standing(A, as_good, compared, optimism)


@pytest.mark.parametrize(
    ("found", "start"),
    [
        (
            standing(A, compared=2),
            "The other run is less accurate than pets-resnet50-a",
        ),
        (standing(A, compared=3), "Both other runs are less accurate than"),
        (standing(A, compared=4), "All 3 other runs are less accurate than"),
        (standing(A, B, compared=2), "Both runs are as good as the best: chance"),
        (standing(A, B, C, compared=3), "All 3 runs are as good as the best: chance"),
        (standing(A, C, compared=3), "2 of 3 runs are as good as the best: chance"),
    ],
)
def test_ties(found, start):
    text = explain_ties(found)
    assert text.startswith(start)
    assert ("The simplest and quickest of them is" in text) is (len(found.as_good) > 1)


def test_the_simplest_may_be_the_best_itself():
    assert explain_ties(standing(A, B, compared=2)).endswith(
        "is pets-resnet50-a, the best itself."
    )
    simple = made("b", 0.9, linear=True)
    text = explain_ties(standing(A, simple, compared=2))
    assert text.endswith("is pets-resnet50-b.")


def test_optimism():
    luck = explain_optimism(standing(A, compared=7, optimism=0.0123))
    assert luck.startswith("The best of 7 runs was lucky in part")
    assert "about 1.2 points too high" in luck
    none = explain_optimism(standing(A, compared=7, optimism=0.0004))
    assert none.startswith("It owes little to luck which of 7 runs is the best")
    assert "less than 0.1 points" in none
