"""Pages: whole, escaped, with no need of a network, and right about their numbers."""

import base64
import io
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from featx.errors import RunError
from featx.reports.leaderboard.page import render_leaderboard
from featx.reports.numbers import duration, moment, percent, show, show_interval
from featx.reports.pictures import thumbnail
from featx.reports.plots.style import new_figure, png
from featx.reports.run import mistakes as mistakes_module
from featx.reports.run.confusion import confused_pairs
from featx.reports.run.explain import explain, explain_confidence
from featx.reports.run.mistakes import surest_mistakes
from featx.reports.run.page import is_current, render_run
from featx.reports.writing import generator, replace_file
from featx.runs.run import read_run

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """Reads a page, checks that its tags are balanced, and collects what it says."""

    def __init__(self, path):
        super().__init__()
        self.open, self.seen, self.links, self.alts = [], [], [], []
        self.text = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.links += [attrs[k] for k in ("src", "href") if k in attrs]
        if tag == "img":
            assert attrs["alt"]
            self.alts.append(attrs["alt"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data + " "

    @property
    def words(self):
        return re.sub(r"\s+", " ", self.text)


def assert_self_contained(page):
    assert "script" not in page.seen
    for link in page.links:
        assert not re.match(r"(?i)(https?:)?//", link)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert '<html lang="en">' in page.source


def wrong_paths(run):
    answers = run.predictions()
    rows = zip(answers.paths, answers.labels, answers.predicted, strict=True)
    return [path for path, label, predicted in rows if label != predicted]


@pytest.fixture
def plain_figures(monkeypatch):
    """Put small blank pictures where a test is about words and tables only."""
    blank = png(new_figure(1, 1))
    monkeypatch.setattr("featx.reports.run.section.png", lambda _: blank)


@pytest.mark.parametrize("n_classes", [2, 12, 120])
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


def test_a_folder_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(
        RunError, match=r"can't write the report \(No such file"
    ) as info:
        replace_file(tmp_path / "gone" / "index.html", b"")
    assert "\n" not in str(info.value)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "index.html"
    target.write_bytes(b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="No space left"):
        replace_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]


def test_thumbnails_of_the_surest_mistakes(plain_figures, make_run, tmp_path):
    root = tmp_path / "data"
    run = make_run(12, root=root)
    (root / "test").mkdir(parents=True)
    for path in wrong_paths(run):
        Image.new("RGB", (400, 200), "teal").save(root / path)
    with_pictures = Page(render_run(run))
    jpegs = [x for x in with_pictures.links if x.startswith("data:image/jpeg")]
    assert len(jpegs) == min(12, len(wrong_paths(run)))
    first = base64.b64decode(jpegs[0].partition(",")[2])
    assert Image.open(io.BytesIO(first)).size == (160, 80)


def test_without_images_the_rows_are_still_there(plain_figures, make_run):
    run = make_run(12)
    page = Page(render_run(run))
    assert "image/jpeg" not in page.source
    found = surest_mistakes(run, run.predictions())
    assert [item.path in page.text for item in found] == [True] * len(found)
    sure = [float(item.confidence.rstrip("%")) for item in found]
    assert sure == sorted(sure, reverse=True)
    assert len(found) == min(mistakes_module.MISTAKES, len(wrong_paths(run)))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK"])
def test_thumbnails_of_every_mode(tmp_path, mode):
    suffix = ".jpg" if mode == "CMYK" else ".png"
    Image.new(mode, (300, 300)).save(tmp_path / f"a{suffix}")
    assert thumbnail(tmp_path, f"a{suffix}").startswith("data:image/jpeg;base64,")


def test_what_is_transparent_becomes_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.png")
    content = base64.b64decode(thumbnail(tmp_path, "a.png").partition(",")[2])
    assert Image.open(io.BytesIO(content)).getpixel((4, 4)) == (255, 255, 255)


def test_thumbnails_only_of_readable_images_in_the_folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    assert thumbnail(tmp_path / "data", "broken.jpg") == ""
    assert thumbnail(tmp_path / "data", "missing.jpg") == ""
    assert thumbnail(tmp_path / "data", "../outside.png") == ""
    assert thumbnail(tmp_path / "data", str(tmp_path / "outside.png")) == ""
    assert thumbnail(tmp_path / "data", "nul\0byte.png") == ""


def test_confused_pairs_by_count_then_share(make_run):
    matrix = [[5, 2, 0], [4, 1, 0], [2, 0, 0]]
    run = make_run(3, extra={"confusion_matrix": matrix})
    found = [(p["true"], p["predicted"], p["count"]) for p in confused_pairs(run)]
    first, second, third = run.classes
    assert found == [(second, first, 4), (third, first, 2), (first, second, 2)]
    assert confused_pairs(run)[1]["share"] == "100.0%"


@pytest.mark.parametrize(
    ("cv_accuracy", "said"),
    [(0.0, "less than the test split"), (1.0, "more than the test split")],
)
def test_words_compare_cross_validation_and_test(make_run, cv_accuracy, said):
    assert said in " ".join(explain(make_run(3, cv_accuracy=cv_accuracy)))
    assert "agrees" in " ".join(explain(make_run(3)))


def test_words_about_a_single_image(make_run):
    run = make_run(2, extra={"n_test": 1, "confusion_matrix": [[1, 0], [0, 0]]})
    assert explain(run)[0].startswith("Of 1 test image that was kept out of training")


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(0.99, "overconfident"), (0.51, "underconfident"), (0.8, "about right")],
)
def test_words_about_confidence(confidence, said):
    import numpy as np

    correct = np.arange(1000) < 800
    assert said in explain_confidence(np.full(1000, confidence), correct, 0.1)


def test_numbers_as_texts():
    assert [duration(s) for s in (0.021, 3.482, 59.99, 312.4, 7500)] == [
        "21 ms",
        "3.5 s",
        "1 min 0 s",
        "5 min 12 s",
        "2 h 5 min",
    ]
    assert moment("2026-03-14T17:09:26+02:00") == "2026-03-14 15:09 UTC"
    assert moment("2026-03-14T15:09:26") == "2026-03-14 15:09 UTC"
    assert moment("yesterday") == "yesterday"
    assert show({}, "accuracy") == "\u2013"
    assert show({"log_loss": 1.23456}, "log_loss") == "1.235"


def test_leaderboard_groups_and_ranks(plain_figures, make_run, tmp_path):
    runs = [
        make_run(head="knn", cv_accuracy=0.61),
        make_run(head="svm", cv_accuracy=0.72),
        make_run(head="lda", cv_accuracy=0.10, weights="random"),
        make_run(head="svm", name="birds", fingerprint="00ff" * 16, cv_accuracy=0.33),
    ]
    for run in runs[:2]:
        render_run(run)
    path = render_leaderboard(tmp_path / "reports", runs)
    assert path == tmp_path / "reports" / "index.html"
    page = Page(path)
    assert_self_contained(page)
    birds, pets = page.words.index("00ff00ff00ff"), page.words.index("9f3c9f3c9f3c")
    assert birds < pets
    order = [page.words.rindex(text) for text in ("72.0%", "61.0%", "10.0%")]
    assert order == sorted(order)
    assert "pets-mobilenetv2-0.35-svm best" in page.words
    assert "pets-mobilenetv2-0.35-knn best" not in page.words
    assert "the test split never chooses" in page.words
    linked = [link for link in page.links if link.endswith("index.html")]
    assert linked == [f"{run.path.name}/index.html" for run in (runs[1], runs[0])]
    assert len(page.alts) == 2
    # The run, and each of its four scores.
    assert page.source.count('tag warn">random') == 5
    row = page.source.split("pets-mobilenetv2-0.35-lda")[-1].split("</tr>")[0]
    assert row.count("tag warn") == 5


def test_leaderboard_says_when_the_best_is_random(make_run, tmp_path):
    page = Page(render_leaderboard(tmp_path / "reports", [make_run(weights="random")]))
    assert "random weights, never trained" in page.alts[0]


def test_leaderboard_links_runs_elsewhere(plain_figures, make_run, tmp_path):
    run = make_run()
    moved = run.path.rename(tmp_path / "a run#1")
    render_run(read_run(moved))
    page = Page(render_leaderboard(tmp_path / "new" / "reports", [read_run(moved)]))
    assert "../../a%20run%231/index.html" in page.links


def test_leaderboard_without_runs(tmp_path):
    page = Page(render_leaderboard(tmp_path / "reports", []))
    assert "No run yet" in page.words


def test_leaderboard_in_an_impossible_place_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't make this folder"):
        render_leaderboard(tmp_path / "file" / "reports", [])
