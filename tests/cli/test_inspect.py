"""`featx inspect`: the table, the lines, the page, the exit codes."""

import json
import subprocess
import sys

import pytest

from featx.reports.inspection import page
from tests.cli.test_errors import assert_one_line
from tests.conftest import make_colours, write_image
from tests.images.messy import UNREADABLE, add_name_that_is_no_text, make_messy
from tests.reports.inspection.blank import draw_nothing


@pytest.fixture
def plain_figures(monkeypatch):
    """Draw nothing, where a test is about what the terminal shows."""
    monkeypatch.setattr(page, "inspection_figures", draw_nothing)


def test_what_featx_writes_among_the_images_is_no_class(run, work, monkeypatch):
    monkeypatch.chdir(work / "data" / "train")
    first = run("inspect", ".")
    words = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")
    assert run("extract", ".", *words).exit_code == 0
    assert run("fit", ".", "--head", "lda", "--folds", 2).exit_code == 0
    assert run("report").exit_code == 0
    assert list((work / "data" / "train").glob("reports/*/*.png"))
    again = run("inspect", ".")
    assert "train: 24 images, 3 classes" in first.stdout
    assert again.stdout == first.stdout
    assert "note: " not in again.stderr


def test_the_table_and_the_page(run, work):
    done = run("inspect")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "data: 36 images, 3 classes (class folders in train/, tested on test/)"
    )
    rows = [line.split() for line in lines]
    assert ["class", "train", "test"] in rows
    assert ["blue", "8", "4"] in rows
    assert ["together", "24", "12"] in rows
    assert "Sizes           all of 40 × 40 pixels" in lines
    assert "Duplicates      none" in lines
    assert lines[-1] == "reports/inspect-data/index.html"
    assert (work / lines[-1]).is_file()
    assert "reading images: 36/36 images" in done.stderr
    assert [line for line in lines if len(line) > 80] == []


def test_a_messy_set(plain_figures, run, tmp_path):
    root = make_messy(tmp_path / "messy")
    add_name_that_is_no_text(root)
    done = run("inspect", root, "--out-dir", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "note: no test image of '<script>" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["class", "train", "test", "unreadable"] in rows
    assert ["cat", "9", "2", "5"] in rows
    for path in UNREADABLE:
        assert f"  {path} (" in done.stdout
    assert "  test/dog/of-a-cat.png (dog) = train/cat/1.png (cat)" in done.stdout


def test_json_holds_all_facts(plain_figures, run, work):
    done = run("inspect", "--json", "--seed", 5)
    facts = json.loads(done.stdout)
    shown = work / facts.pop("page")
    written = json.loads((shown.parent / "inspection.json").read_text())
    assert facts["images"] == 36
    assert written.pop("seed") == 5
    assert {"created", "featx"} == set(written) - set(facts)
    assert facts.items() <= written.items()


def test_of_many_classes_the_largest_and_the_smallest_are_listed(
    plain_figures, run, tmp_path
):
    for number in range(24):
        for image in range(2 if number < 22 else 1 + 3 * (number - 22)):
            path = tmp_path / "many" / f"{'long ' * 9}name {number:02}" / f"{image}.png"
            write_image(path, (9 * number, 99, 99), seed=100 * number + image)
    done = run("inspect", tmp_path / "many", "--out-dir", tmp_path / "out")
    lines = [line.strip() for line in done.stdout.splitlines()]
    table = [line for line in lines if "…" in line]
    assert len(table) == 10
    assert table[0].endswith("4")
    assert table[-1].endswith("1")
    assert "(14 between)" in done.stdout
    assert max(map(len, lines[:-1])) <= 80


def test_labels_may_come_from_a_file(plain_figures, run, work):
    images = sorted((work / "data" / "train").glob("*/*.png"))
    rows = "".join(f"{p.parent.name}/{p.name},{p.parent.name}\n" for p in images[:20])
    (work / "labels.csv").write_text("file,label\n" + rows)
    done = run("inspect", "data/train", "--labels", "labels.csv")
    assert "train: 20 images, 3 classes (labels in labels.csv)" in done.stdout
    assert "note: 4 images have no label" in done.stderr


def test_a_report_passes_the_inspection_over(plain_figures, run, work):
    assert run("inspect").exit_code == 0
    assert_one_line(run("report"), "no runs yet")


def test_what_the_user_can_mend_is_one_line(plain_figures, run, work):
    assert_one_line(run("inspect", "none"), "no such folder")
    (work / "file").write_text("")
    done = run("inspect", "--out-dir", "file")
    assert_one_line(done, "file: can't write the report", "--out-dir")
    assert run("inspect", "--no-such-option").exit_code == 2


def test_it_imports_no_framework_that_trains(tmp_path):
    root = make_colours(tmp_path / "data", train=1, test=1)
    script = f"""
import sys
from featx.cli.main import main
from featx.reports.inspection import page
from tests.reports.inspection.blank import draw_nothing
page.inspection_figures = draw_nothing
try:
    main(["inspect", {str(root)!r}, "--out-dir", {str(tmp_path)!r}])
except SystemExit as left:
    assert not left.code
assert not {{"tensorflow", "keras", "sklearn", "xgboost"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.samples
def test_real_birds(run, samples, tmp_path):
    facts = json.loads(
        run("inspect", samples / "cub200-25", "--out-dir", tmp_path, "--json").stdout
    )
    assert len(facts["classes"]) == 25
    assert facts["unreadable"] == []
    assert facts["formats"] == [{"format": "JPEG", "mode": "RGB", "images": 745}]
