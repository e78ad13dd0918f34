"""All figures: there, not blank, of bounded size, whatever the classes are called."""

import numpy as np
import pytest

from featx.figures.confusion_matrix import confusion_figure
from featx.figures.style import new_figure, png
from tests.figures.conftest import assert_readable, texts
from tests.made_runs import drawn

ALWAYS = {
    "confusion_counts.png",
    "confusion_normalised.png",
    "per_class.png",
    "reliability.png",
}


@pytest.mark.parametrize(
    "n_classes", [2, 12, pytest.param(200, marks=pytest.mark.slow)]
)
def test_all_figures_are_drawn(make_run, n_classes):
    run = make_run(n_classes, epochs=4)
    files = drawn(run)
    assert set(files) == ALWAYS | {"curves.png"}
    for content in files.values():
        assert_readable(content)


def test_odd_names_are_drawn_as_they_are(make_run, odd_names):
    run = make_run(classes=odd_names, weights="random")
    files = drawn(run)
    assert set(files) == ALWAYS
    for content in files.values():
        assert_readable(content)
    matrix = np.array(run.metrics["confusion_matrix"])
    said = texts(confusion_figure(matrix, odd_names, "run", normalised=False))
    assert "$x$ and $y^2_" in said
    assert "two lines" in said


def test_drawing_leaves_no_global_state(make_run):
    import matplotlib as mpl

    # To read the name of the backend is to choose one.
    names = [name for name in mpl.rcParams if name != "backend"]
    before = [mpl.rcParams[name] for name in names]
    run = make_run()
    drawn(run)
    assert [mpl.rcParams[name] for name in names] == before


def test_same_figure_gives_the_same_file():
    assert png(new_figure(2, 2)) == png(new_figure(2, 2))
