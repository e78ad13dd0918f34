"""Numbers as a reader sees them."""

from featx.reports.numbers import duration, moment, show


def test_numbers_as_texts():
    assert [duration(s) for s in (0.021, 3.482, 59.99, 312.4, 7500)] == [
        "21 ms",
        "3.5 s",
        "1 min 0 s",
        "5 min 12 s",
        "2 h 5 min",
    ]
    assert moment("2026-03-14T17:09:26+02:00") == "2026-03-14 15:09 UTC"
    assert moment("2026-03-14T15:09:26") == "2026-03-14 15:09 UTC"
    assert moment("yesterday") == "yesterday"
    assert show({}, "accuracy") == "\u2013"
    assert show({"log_loss": 1.23456}, "log_loss") == "1.235"
