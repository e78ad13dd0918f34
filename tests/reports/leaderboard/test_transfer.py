"""The gap between transfer and a network from scratch."""

import pytest

from featx.reports.leaderboard.page import render_leaderboard
from featx.reports.leaderboard.transfer import transfer_gap
from featx.runs.ranking import rank_runs


@pytest.fixture
def make_network(make_run):
    def make(*, cv_accuracy=None, val_accuracy=0.4, **options):
        return make_run(
            head="from scratch",
            info={"kind": "network", "backbone": "basenet"},
            weights="from scratch",
            extra={
                "cv_accuracy": cv_accuracy,
                "cv_accuracy_std": None,
                "val_accuracy": val_accuracy,
                "parameters": 24197,
                "n_val": 5,
            },
            **options,
        )

    return make


def test_the_gap_is_told_with_a_paired_interval(make_run, make_network):
    runs = rank_runs([make_network(), make_run(perfect=True)])
    text = transfer_gap(runs)
    better = 100 * (1 - runs[1].metrics["accuracy"])
    assert better > 5
    assert "svm on mobilenetv2-0.35 reaches 100.0% and basenet, trained from" in text
    assert f"transfer is worth {better:.1f} points (95% interval " in text


def test_a_gap_that_could_be_chance_is_called_so(make_run, make_network):
    text = transfer_gap([make_run(), make_network()])
    assert text.endswith(", so it could be chance).")


def test_without_an_interval_where_files_differ(make_run, make_network):
    text = transfer_gap([make_run(per_class=7), make_network()])
    assert "points." in text
    assert "interval" not in text


def test_no_gap_without_one_of_each(make_run, make_network):
    assert transfer_gap([make_run()]) == ""
    assert transfer_gap([make_network()]) == ""
    assert transfer_gap([make_run(weights="random"), make_network()]) == ""


def test_what_was_not_cross_validated_comes_last(make_run, make_network):
    head = make_run(cv_accuracy=0.1)
    better = make_network(val_accuracy=0.9)
    worse = make_network(val_accuracy=0.5)
    validated = make_network(cv_accuracy=0.6)
    runs = rank_runs([worse, better, head, validated])
    assert runs == [validated, head, better, worse]


def test_the_leaderboard_shows_it(make_run, make_network, tmp_path):
    runs = [make_run(), make_network()]
    page = render_leaderboard(tmp_path, rank_runs(runs)).read_text("utf-8")
    assert "What transfer is worth." in page
    assert "held out: 40.0%" in page
    assert "Runs that were not cross-validated come last" in page
    assert page.count('class="best"') == 1
    heads = render_leaderboard(tmp_path, runs[:1]).read_text("utf-8")
    assert "not cross-validated" not in heads
