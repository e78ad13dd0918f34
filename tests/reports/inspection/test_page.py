"""The folder of an inspection: whole, escaped, complete in its JSON."""

import json
import re

import pytest

from featx.errors import RunError
from featx.images.inspection import inspect_images
from featx.images.layouts.read import read_images
from featx.reports.inspection import page as page_module
from featx.reports.inspection.page import claim_folder, render_inspection
from featx.runs.read import list_runs
from tests.conftest import make_colours, write_image
from tests.images.messy import (
    ODD_CLASS,
    UNREADABLE,
    add_name_that_is_no_text,
    make_messy,
)
from tests.reports.inspection.blank import draw_nothing
from tests.reports.pages import Page, assert_self_contained

FILES = {
    *("index.html", "inspection.json", "classes.png", "samples.png"),
    *("sizes.png", "aspect_ratios.png"),
}


def rendered(root, reports, **options):
    return render_inspection(inspect_images(read_images(root)), reports, **options)


@pytest.fixture
def plain_figures(monkeypatch):
    """Draw nothing, where a test is about words and tables only."""
    monkeypatch.setattr(page_module, "inspection_figures", draw_nothing)


def read_facts(path):
    return json.loads((path.parent / "inspection.json").read_text(encoding="utf-8"))


def test_a_messy_set(tmp_path):
    root = make_messy(tmp_path / "messy")
    path = rendered(root, tmp_path / "reports")
    assert path == tmp_path / "reports" / "inspect-messy" / "index.html"
    assert {file.name for file in path.parent.iterdir()} == FILES
    page = Page(path)
    assert_self_contained(page)
    assert set(page.links) >= FILES - {"index.html", "inspection.json"}
    assert ODD_CLASS in page.text
    assert "goes unmeasured" in page.text
    for name in (*UNREADABLE, "train/cat/jpeg.png", "test/dog/of-a-cat.png"):
        assert name in page.text
    assert "labels differ" in page.text
    facts = read_facts(path)
    assert facts["format"] == "featx-inspection"
    assert list(facts["classes"][1].values()) == ["cat", 9, 2, 11, 5]
    assert {one["path"] for one in facts["unreadable"]} == set(UNREADABLE)
    conflict = facts["duplicates"][0]
    assert conflict["conflicting"]
    assert conflict["across"]
    assert list(conflict["images"][1].values()) == ["train/cat/1.png", "cat", "train"]
    assert facts["misnamed"] == [{"path": "train/cat/jpeg.png", "format": "JPEG"}]


def test_a_copy_whose_name_is_no_text_is_listed(plain_figures, tmp_path):
    root = make_colours(tmp_path / "data", train=1, test=1)
    (root / "train" / "dog").mkdir()
    if not add_name_that_is_no_text(root):
        pytest.skip("this file system takes UTF-8 names only")
    (odd,) = (root / "train" / "dog").iterdir()
    odd.write_bytes((root / "train" / "red" / "000.png").read_bytes())
    path = rendered(root, tmp_path)
    assert read_facts(path)["duplicates"][0]["images"][0]["path"] == (
        "train/dog/caf\udce9.png"
    )
    assert "train/dog/caf?.png" in Page(path).text


def test_lists_are_bounded_on_the_page_and_whole_in_the_facts(
    plain_figures, tmp_path, monkeypatch
):
    monkeypatch.setattr(page_module, "FILES_LISTED", 2)
    monkeypatch.setattr(page_module, "GROUPS_SHOWN", 1)
    root = make_messy(tmp_path / "messy")
    path = rendered(root, tmp_path)
    page = Page(path)
    assert "The other 3 images are listed in inspection.json" in page.words
    assert "The other 3 groups are listed in inspection.json" in page.words
    assert "inspection.json" in page.links
    facts = read_facts(path)
    assert len(facts["unreadable"]) == 5
    assert len(facts["duplicates"]) == 4


def test_a_set_without_a_test_part(plain_figures, tmp_path):
    for number, name in enumerate(("cat", "dog")):
        write_image(tmp_path / "pets" / name / "1.png", (9, 9, 9), seed=number)
    path = rendered(tmp_path / "pets", tmp_path)
    words = Page(path).words
    assert "no test split" in words
    assert " 1 images each" not in words
    assert " 1 image each" in words
    assert "Train" not in words
    assert "None: every image could be decoded in full." in words
    assert "None: no two readable files have the same bytes." in words
    facts = read_facts(path)
    assert facts["classes"] == [
        {"name": name, "images": 1, "unreadable": 0} for name in ("cat", "dog")
    ]
    assert facts["sizes"]["distinct"] == [{"width": 10, "height": 12, "images": 2}]
    assert facts["sizes"]["aspect_ratio"]["median"] == 0.8333


def test_an_inspection_replaces_the_last_one(tmp_path):
    root = make_colours(tmp_path / "data", train=1, test=1)
    path = rendered(root, tmp_path / "reports")
    for file in root.glob("*/*/*.png"):
        file.write_text("no image")
    assert rendered(root, tmp_path / "reports") == path
    left = {file.name for file in path.parent.iterdir()}
    assert left == {"index.html", "inspection.json", "classes.png"}
    assert "Samples" not in Page(path).text
    assert read_facts(path)["sizes"] == {"distinct": []}


def test_samples_that_are_left_out_are_counted(plain_figures, tmp_path):
    for number in range(20):
        path = tmp_path / "many" / f"class {number}" / "1.png"
        write_image(path, (9 * number, 99, 99), seed=number)
    page = Page(rendered(tmp_path / "many", tmp_path, seed=3))
    assert "by seed 3" in page.words
    assert "16 of 20 classes; the other 4 are not shown." in page.words


def test_the_folder_is_no_run(plain_figures, tmp_path):
    rendered(make_colours(tmp_path / "data", train=1, test=1), tmp_path / "reports")
    assert list_runs(tmp_path / "reports") == []


def test_names_of_folders_are_tamed(tmp_path):
    folder = claim_folder(tmp_path, "../a b/" + "long" * 100)
    assert folder.parent == tmp_path
    assert re.fullmatch(r"inspect-[\w.+-]+", folder.name)
    assert list(folder.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "reports").write_text("")
    with pytest.raises(RunError, match="choose another --out-dir"):
        claim_folder(tmp_path / "reports", "data")
