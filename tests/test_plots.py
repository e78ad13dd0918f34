"""Figures: there, not blank, of bounded size, whatever the classes are called."""

import io

import numpy as np
import pytest
from PIL import Image

from featx.evaluation.calibration import reliability
from featx.figures import labels
from featx.figures.confusion_matrix import confusion_figure, row_percent
from featx.figures.leaderboard import leaderboard_figure
from featx.figures.per_class import by_f1, per_class_figure
from featx.figures.reliability import reliability_figure
from featx.figures.style import new_figure, png
from featx.figures.training_curves import (
    best_epoch,
    curves_figure,
)
from featx.runs.metrics import ClassScores
from tests.made_runs import drawn

ALWAYS = {
    "confusion_counts.png",
    "confusion_normalised.png",
    "per_class.png",
    "reliability.png",
}


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image.convert("RGB")


def texts(figure):
    """Collect what a figure says, without drawing it."""
    return [item.get_text() for item in figure.findobj(lambda o: hasattr(o, "_text"))]


def assert_readable(content):
    image = opened(content)
    assert max(image.size) <= 3300
    assert min(image.size) >= 200
    assert len(image.getcolors(1 << 24)) > 20
    assert image.getpixel((0, 0)) == (255, 255, 255)


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


def test_many_thousand_cells_stay_within_bounds():
    count = 700
    matrix = np.eye(count, dtype=np.int64)
    names = [f"class number {i}" for i in range(count)]
    figure = confusion_figure(matrix, names, "run", normalised=True)
    assert figure.get_size_inches().max() <= 17
    said = texts(figure)
    assert "class number 0" in said
    assert "class number 1" not in said


@pytest.mark.parametrize(("count", "written"), [(3, True), (30, True), (80, False)])
def test_numbers_stand_in_cells_only_where_they_fit(count, written):
    matrix = np.full((count, count), 7)
    matrix[0, 1] = 0
    figure = confusion_figure(matrix, ["n"] * count, "run", normalised=False)
    assert ("7" in texts(figure)) is written


def test_long_numbers_are_left_out_of_small_cells():
    matrix = np.full((30, 30), 1_234_567)
    figure = confusion_figure(matrix, ["n"] * 30, "run", normalised=False)
    assert "1234567" not in texts(figure)


def test_small_shares_are_not_shown_as_zero():
    matrix = np.array([[999, 1], [0, 5]])
    said = texts(confusion_figure(matrix, ["a", "b"], "run", normalised=True))
    assert "<1" in said
    assert "0" in said


def test_row_percent_of_a_class_without_images_is_zero():
    percent = row_percent(np.array([[3, 1], [0, 0]]))
    np.testing.assert_allclose(percent, [[75, 25], [0, 0]])


def scored(share):
    return ClassScores(precision=share, recall=share, f1=share, support=9)


def test_classes_are_ordered_by_f1():
    scores = {name: scored(f1) for name, f1 in zip("abc", (0.2, 0.9, 0.2), strict=True)}
    assert by_f1(scores, ["a", "b", "c"]) == [1, 0, 2]


def test_of_many_classes_the_best_and_the_worst_are_drawn():
    names = [f"c{i}" for i in range(50)]
    scores = {name: scored(i / 50) for i, name in enumerate(names)}
    said = texts(per_class_figure(scores, names, "run"))
    assert {"c49", "c30", "c0", "c19"} <= set(said)
    assert "c25" not in said
    assert "mean 0.49" in said


def test_reliability_of_one_image_is_drawn():
    bins = reliability(np.array([0.7]), np.array([True]))
    assert_readable(png(reliability_figure(bins, "run")))


def test_best_epoch_has_the_least_validation_loss():
    history = {
        "epoch": np.array([1.0, 2.0, 3.0]),
        "val_loss": np.array([np.nan, 0.5, 0.6]),
        "val_accuracy": np.array([0.1, 0.2, 0.3]),
    }
    assert best_epoch(history) == 1
    assert best_epoch({"epoch": np.array([1.0])}) is None
    history["val_loss"] = np.full(3, np.nan)
    assert best_epoch(history) is None


@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_curves_of_any_length_are_drawn(epochs):
    epoch = np.arange(1.0, epochs + 1)
    history = {"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 0.5 / epoch}
    assert_readable(png(curves_figure(history, "run")))
    history |= {"val_loss": 2 / epoch, "val_accuracy": 1 - 0.6 / epoch}
    figure = curves_figure(history, "run")
    assert f"best epoch: {epochs}" in texts(figure)
    assert_readable(png(figure))


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


def test_leaderboard_of_very_many_runs_is_bounded(make_run):
    runs = [make_run()] * 90
    figure = leaderboard_figure(runs, "pets")
    assert "pets; the first 40 of 90" in texts(figure)
    assert_readable(png(figure))


def test_names_are_shortened_in_the_middle():
    assert labels.shorten("short", 10) == "short"
    long = labels.shorten("abcdefghijklmnopqrstuvwxyz", 10)
    assert long == "abcdef…xyz"
    wide = labels.shorten("猫" * 20, 11)
    assert labels.width(wide) <= 11


def test_names_without_a_font_become_numbers():
    private = "\U000f1234 cat"
    made = labels.class_labels(["dog", private])
    assert made.texts == ["dog", "class 2"]
    assert labels.lacking_glyphs(["dog", private])
    assert not labels.lacking_glyphs(["dog", "café"])
    assert labels.text_label(private).texts == ["\u25a1 cat"]


def test_fallback_fonts_are_used_where_installed(monkeypatch):
    fonts = {"DejaVu Sans": frozenset(b"abc"), "Noto Sans": frozenset([0x732B])}
    monkeypatch.setattr(labels, "_charmap", lambda f: fonts.get(f, frozenset()))
    made = labels.class_labels(["abc", "猫"])
    assert made.texts == ["abc", "猫"]
    assert made.style["fontfamily"] == ["DejaVu Sans", "Noto Sans"]


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
