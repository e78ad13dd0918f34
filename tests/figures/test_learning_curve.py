"""Learning curves with a forecast and without one, of few points and many images."""

import pytest

from featx.figures.learning_curve import learning_curve_figure
from featx.figures.style import png
from featx.runs.metrics import LearningCurve
from tests.figures.conftest import assert_readable, texts
from tests.runs.conftest import LEARNING_CURVE


def drawn(**changes):
    curve = LearningCurve.model_validate({**LEARNING_CURVE, **changes})
    return learning_curve_figure(curve, "run")


def test_what_was_measured_and_what_it_forecasts():
    figure = drawn()
    assert_readable(png(figure))
    said = texts(figure)
    assert {"3", "6", "12", "24"} <= set(said)
    assert "power law, with 95% interval" in said
    assert "with twice the images, likely" in said
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low < 0.625 < 0.878 < high <= 1.005


@pytest.mark.parametrize("points", [1, 2])
def test_few_points_are_drawn_without_a_forecast(points):
    figure = drawn(
        points=LEARNING_CURVE["points"][-points:],
        law=None,
        fitted=[],
        forecast=None,
        reason="few images",
    )
    assert_readable(png(figure))
    assert "power law, with 95% interval" not in texts(figure)
    assert "with twice the images, likely" not in texts(figure)


def test_thousands_of_images_are_named():
    points = [
        {**point, "images_per_class": 400 * point["images_per_class"]}
        for point in LEARNING_CURVE["points"]
    ]
    said = texts(drawn(points=points, law=None, fitted=[], forecast=None))
    assert {"1,200", "2,400", "4,800"} <= set(said)
