"""Numbers as a reader sees them."""

import pytest

from featx.reports.numbers import duration, moment, percent, points, show


def test_numbers_as_texts():
    assert [duration(s) for s in (0.021, 3.482, 59.99, 312.4, 7500)] == [
        "21 ms",
        "3.5 s",
        "1 min 0 s",
        "5 min 12 s",
        "2 h 5 min",
    ]
    estimates = [duration(s, rough=True) for s in (0.2, 42.4, 200, 5390, 9000)]
    assert estimates == ["1 s", "42 s", "3 min", "1.5 h", "2.5 h"]
    assert moment("2026-03-14T17:09:26+02:00") == "2026-03-14 15:09 UTC"
    assert moment("2026-03-14T15:09:26") == "2026-03-14 15:09 UTC"
    assert moment("yesterday") == "yesterday"
    assert show({}, "accuracy") == "\u2013"
    assert show({"log_loss": 1.23456}, "log_loss") == "1.235"


def test_a_page_and_the_terminal_round_a_share_to_the_same_digits():
    assert [percent(share) for share in (0.8625, 0.7875)] == ["86.3%", "78.7%"]
    for share in (i / 400 for i in range(401)):
        assert float(percent(share).removesuffix("%")) == pytest.approx(
            100 * float(f"{share:.3f}")
        )


def test_points_have_no_negative_zero():
    assert points(-0.0001) == "0.0"
    assert points(-0.0125) == "-1.3"
