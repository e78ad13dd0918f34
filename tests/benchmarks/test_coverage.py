"""The benchmark of coverage: its quick form, and what it must show of shares."""

import pytest

from benchmarks.coverage import SIZES, main, share_coverage
from featx.evaluation.intervals import share_interval


@pytest.mark.slow
def test_quick_prints_all_tables(capsys):
    main(["--quick", "--jobs", "1"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line]
    assert rows[0].startswith("| test images | share of hits")
    assert "| test images | log loss | Brier score |" in rows
    assert [row.split(" | ")[0] for row in rows[-2:]] == ["| 2 × 5", "| 8 + 2"]
    assert all(0 <= float(cell) <= 1 for cell in rows[-1].strip("| ").split(" | ")[1:])


@pytest.mark.parametrize("n", SIZES)
def test_shares_cover_at_least_93_in_100(n):
    assert share_coverage(n, share_interval) >= 0.93
