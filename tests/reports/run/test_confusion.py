"""Which classes are confused most often."""

from featx.reports.run.confusion import confused_pairs


def test_confused_pairs_by_count_then_share(make_run):
    matrix = [[5, 2, 0], [4, 1, 0], [2, 0, 0]]
    run = make_run(3, extra={"confusion_matrix": matrix})
    first, second, third = run.classes
    assert confused_pairs(run) == [
        (second, first, 4, "80.0%"),
        (third, first, 2, "100.0%"),
        (first, second, 2, "28.6%"),
    ]
