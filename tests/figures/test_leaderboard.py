"""The leaderboard's figure."""

from featx.figures.leaderboard import leaderboard_figure
from featx.figures.style import png
from tests.figures.conftest import assert_readable, texts
from tests.made_runs import with_metrics


def test_leaderboard_marks_random_weights(make_run):
    runs = [
        make_run(head="svm", cv_accuracy=0.8),
        make_run(head="knn", cv_accuracy=0.3, weights="random"),
    ]
    figure = leaderboard_figure(runs, "pets")
    said = texts(figure)
    assert "pets-mobilenetv2-0.35-svm" in said
    assert "pets-mobilenetv2-0.35-knn\n(random weights, never trained)" in said
    assert_readable(png(figure))


def test_runs_that_were_not_cross_validated_are_not_said_to_be(make_run):
    run = with_metrics(make_run(), cv_accuracy=None, val_accuracy=0.6)
    said = texts(leaderboard_figure([run], "pets"))
    assert "Runs by accuracy on held-out images, best first" in said
    assert "test split, with 95% interval" in said
    assert "cross-validation, which decides the rank" not in said


def test_leaderboard_of_very_many_runs_is_bounded(make_run):
    runs = [make_run()] * 90
    figure = leaderboard_figure(runs, "pets")
    assert "pets; the first 40 of 90" in texts(figure)
    assert_readable(png(figure))


def test_runs_cross_validated_in_several_ways_are_not_called_best_first(make_run):
    runs = [
        make_run(info={"settings": {"seed": seed}}, suffix=f"-{seed}")
        for seed in (0, 3)
    ]
    assert "Runs by cross-validated accuracy, best first" in texts(
        leaderboard_figure(runs[:1], "pets")
    )
    said = texts(leaderboard_figure(runs, "pets"))
    assert "Runs by cross-validated accuracy, like with like" in said
