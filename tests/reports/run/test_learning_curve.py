"""The section on what more training images would bring, and its sentence."""

import pytest

from featx.cli.show import decimals
from featx.reports.run.learning_curve import forecast_words, images_a_class
from featx.reports.run.page import render_run
from featx.runs.metrics import LearningCurve
from tests.reports.pages import Page, assert_self_contained
from tests.runs.conftest import LEARNING_CURVE

NO_FORECAST = {"law": None, "fitted": [], "forecast": None}


def curve(**changes):
    return LearningCurve.model_validate({**LEARNING_CURVE, **changes})


def test_the_sentence():
    assert forecast_words(curve()) == (
        "With twice the images a class, accuracy would likely rise from 77.9% to 82.8%"
        " (77.8% to 87.8%)."
    )
    assert "rise from 0.779 to 0.828 (0.778 to 0.878)" in forecast_words(
        curve(), decimals
    )
    flat = {**LEARNING_CURVE["forecast"], "accuracy": 0.7801}
    assert "likely stay at about 78.0% (" in forecast_words(curve(forecast=flat))


@pytest.mark.parametrize(
    ("reason", "words"),
    [("few images", "too few training images a class"), ("falling", "doesn't rise")],
)
def test_nothing_can_be_said(make_run, plain_figures, reason, words):
    without = {**LEARNING_CURVE, **NO_FORECAST, "reason": reason}
    assert words in forecast_words(LearningCurve.model_validate(without))
    page = Page(render_run(make_run(extra={"learning_curve": without})))
    assert words in page.words
    assert "power law" not in page.words
    assert "forecast," not in page.words


def test_the_section(make_run):
    run = make_run(extra={"learning_curve": LEARNING_CURVE})
    page = Page(render_run(run))
    assert_self_contained(page)
    assert "learning_curve.png" in page.links
    assert (run.path / "learning_curve.png").is_file()
    assert forecast_words(run.metrics.learning_curve) in page.words
    for words in (
        "62.5%",
        "3.1",
        "forecast, 77.8% to 87.8%",
        "+ 0.05, with n images a class",
    ):
        assert words in page.words
    # The figure's words, for those who don't see it.
    assert "class: 62.5% with 3.0, 77.9% with 12." in page.source


def test_a_run_without_a_learning_curve_has_no_section(make_run, plain_figures):
    assert "More images" not in Page(render_run(make_run())).words


def test_numbers_of_images():
    written = [images_a_class(count) for count in (2.25, 9.96, 12.4, 1600)]
    assert written == ["2.2", "10.0", "12", "1,600"]
