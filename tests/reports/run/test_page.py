"""Pages: whole, escaped, with no need of a network, and right about their numbers."""

import base64
import os

import pytest

from featx.errors import RunError
from featx.reports.numbers import percent, show_interval
from featx.reports.run.page import is_current, render_run
from featx.reports.writing import generator
from tests.reports.pages import Page, assert_self_contained


@pytest.mark.parametrize(
    "n_classes", [2, 12, pytest.param(120, marks=pytest.mark.slow)]
)
def test_page_is_whole(make_run, n_classes):
    run = make_run(n_classes, epochs=3)
    path = render_run(run)
    assert path == run.path / "index.html"
    page = Page(path)
    assert_self_contained(page)
    for name in (
        "confusion_counts",
        "confusion_normalised",
        "per_class",
        "curves",
        "reliability",
    ):
        assert f"{name}.png" in page.links
        image = base64.b64encode((run.path / f"{name}.png").read_bytes()).decode()
        assert f"data:image/png;base64,{image}" in page.links
    assert percent(run.metrics["accuracy"]) in page.words
    assert show_interval(run.metrics, "accuracy") in page.words
    assert "featx fit data --head svm --seed 7" in page.words
    assert "1 min 15 s" in page.words
    assert "best epoch, " in page.words
    assert all(name in page.words for name in run.classes)
    assert not list(run.path.glob(".*"))


def test_names_are_escaped(plain_figures, make_run, odd_names):
    run = make_run(classes=odd_names, info={"notes": ["<script>evil()</script>"]})
    page = Page(render_run(run))
    assert_self_contained(page)
    assert "<script>alert(1)</script>" in page.text
    assert "<script>evil()</script>" in page.text
    assert "test/<i>img_" in page.text
    assert "i" not in set(page.seen) - {"i"}
    assert "<i>img" not in page.source
    assert "\U0001f436 dog" in page.text


def test_random_weights_are_marked(plain_figures, make_run):
    trained = Page(render_run(make_run())).words
    random = Page(render_run(make_run(weights="random"))).words
    assert "never trained" not in trained
    assert "This backbone was never trained" in random
    # On each card, with the sentences, and with the table of scores.
    assert random.count("random weights") >= 6


def test_notes_and_missing_facts(plain_figures, make_run):
    run = make_run(
        info={
            "notes": ["3 images left out"],
            "settings": {},
            "command": "",
            "embedding": [],
        }
    )
    page = Page(render_run(run))
    assert "3 images left out" in page.words
    assert "Make it again" not in page.words
    assert "Settings of the head" not in page.words
    assert "Embedding" not in page.words


def test_page_without_epochs_or_mistakes(make_run):
    run = make_run(perfect=True)
    page = Page(render_run(run))
    assert "Training curves" not in page.source
    assert not (run.path / "curves.png").exists()
    assert page.words.count("None: every test image got the right class.") == 2


def test_page_without_optional_metrics(plain_figures, make_run):
    run = make_run(without=("intervals", "cv_accuracy_std"))
    page = Page(render_run(run))
    assert "95%:" not in page.words
    assert percent(run.metrics["cv_accuracy"]) in page.words


def test_a_run_without_predictions_is_an_error(make_run):
    run = make_run()
    (run.path / "predictions.csv").unlink()
    with pytest.raises(RunError, match=r"predictions\.csv"):
        render_run(run)


def test_is_current(plain_figures, make_run):
    run = make_run()
    assert not is_current(run)
    path = render_run(run)
    assert is_current(run)
    later = path.stat().st_mtime + 5
    os.utime(run.path / "metrics.json", (later, later))
    assert not is_current(run)
    os.utime(path, (later, later))
    assert is_current(run)
    other = path.read_text(encoding="utf-8").replace(generator(), "featx 0.0.0", 1)
    path.write_text(other, encoding="utf-8")
    os.utime(path, (later, later))
    assert not is_current(run)


def test_a_fine_tuned_page_is_current_until_there_is_another_run(
    plain_figures, make_run, make_finetuned
):
    run, head = make_finetuned(), make_run(head="svm")
    page = render_run(run, [run, head])
    assert is_current(run, [run, head])
    later = page.stat().st_mtime + 5
    os.utime(head.path / "run.json", (later, later))
    assert not is_current(run, [run, head])
    others = make_run(fingerprint="other")
    os.utime(others.path / "run.json", (later, later))
    assert is_current(run, [run, others])
    another = make_run(head="mlp")
    render_run(another)
    assert is_current(another, [run, head])


def test_the_recipe_is_shown_where_there_is_one(plain_figures, make_run):
    run = make_run()
    assert "recipe.toml" not in Page(render_run(run)).words
    (run.path / "recipe.toml").write_text('[data]\npath = "<pets>"\n', "utf-8")
    page = Page(render_run(run))
    assert "featx run recipe.toml" in page.words
    assert 'path = "<pets>"' in page.text
    assert "featx fit data --head svm --seed 7" in page.words
