"""Which classes are confused most often."""

from featx.reports.run.confusion import confused_pairs


def test_confused_pairs_by_count_then_share(make_run):
    matrix = [[5, 2, 0], [4, 1, 0], [2, 0, 0]]
    run = make_run(3, extra={"confusion_matrix": matrix})
    found = [(p["true"], p["predicted"], p["count"]) for p in confused_pairs(run)]
    first, second, third = run.classes
    assert found == [(second, first, 4), (third, first, 2), (first, second, 2)]
    assert confused_pairs(run)[1]["share"] == "100.0%"
