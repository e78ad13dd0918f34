"""The mistakes that a run was surest of, with their pictures."""

import base64
import io

from PIL import Image

from featx.reports.run import mistakes as mistakes_module
from featx.reports.run.mistakes import surest_mistakes
from featx.reports.run.page import render_run
from tests.reports.pages import Page


def wrong_paths(run):
    answers = run.predictions()
    rows = zip(answers.paths, answers.labels, answers.predicted, strict=True)
    return [path for path, label, predicted in rows if label != predicted]


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
    assert [item["path"] in page.text for item in found] == [True] * len(found)
    sure = [float(item["confidence"].rstrip("%")) for item in found]
    assert sure == sorted(sure, reverse=True)
    assert len(found) == min(mistakes_module.MISTAKES, len(wrong_paths(run)))
