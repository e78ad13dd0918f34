"""What was found is said in few words, and what is bounded is counted."""

import numpy as np
import pytest
from PIL import Image

from featx.images.inspection import inspect_images
from featx.images.layouts.read import read_images
from featx.reports.inspection.words import findings
from featx.reports.numbers import file_size
from tests.conftest import write_image
from tests.images.messy import make_messy


def said(root, **options):
    found = findings(inspect_images(read_images(root)), **options)
    return {one.title: one for one in found}


def test_a_messy_set(tmp_path):
    found = said(make_messy(tmp_path / "messy"))
    assert found["Classes"].text.startswith("1 to 11 images in each of 3, median 7")
    assert found["Misnamed"].details == ("train/cat/jpeg.png is JPEG",)
    assert found["Unreadable"].text == "5 images, left out by featx"
    assert found["Unreadable"].details[3].startswith("train/cat/gone.jpg (broken link")
    assert found["Duplicates"].text == (
        "5 copies of 4 images: 1 within train, 1 within test, 2 across"
    )
    assert found["Duplicates"].details == (
        "test/cat/leak.png = train/cat/0.png",
        "test/dog/0.png = test/dog/twin.png",
        "train/dog/0.png = train/dog/again.png = train/dog/and-again.png",
    )
    assert found["Contradictions"].text == "1 image in several classes"
    assert found["Contradictions"].details == (
        "test/dog/of-a-cat.png (dog) = train/cat/1.png (cat)",
    )


def test_only_the_first_cases_are_named(tmp_path):
    found = said(make_messy(tmp_path / "messy"), most=1)
    assert len(found["Unreadable"].details) == 1
    assert found["Unreadable"].more == 4
    assert found["Duplicates"].more == 2
    assert found["Contradictions"].more == 0


def test_a_clean_set(tmp_path):
    for number, name in enumerate("ab"):
        write_image(tmp_path / name / "1.png", (9, 9, 9), seed=number, size=(10, 20))
    found = said(tmp_path)
    assert found["Classes"].text == "1 image in each of 2"
    assert found["Sizes"].text == "all of 20 × 10 pixels"
    assert found["Aspect ratios"].text == "all wide, 2.00"
    assert found["Formats"].text == "2 PNG (RGB)"
    for title in ("Misnamed", "Unreadable", "Duplicates", "Contradictions"):
        assert found[title].text == "none"


def test_extents_and_shares(tmp_path):
    sides = [(10, 10), (10, 20), (10, 30), (40, 10)]
    for number, size in enumerate(sides):
        write_image(tmp_path / "ab"[number % 2] / f"{number}.png", (9, 9, 9), size=size)
    found = said(tmp_path)
    assert found["Sizes"].text == (
        "width 10 to 30, median 15; height 10 to 40, median 10 pixels"
    )
    assert found["Aspect ratios"].text == (
        "0.25 to 3.00, median 1.50; 50% wide, 25% square, 25% tall"
    )


def test_a_contradiction_among_many_copies_names_every_label(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "x.png")
    content = (tmp_path / "x.png").read_bytes()
    for name, count in (("cat", 9), ("dog", 1), ("hen", 1)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "data" / name / f"{number}.png").write_bytes(content)
    (line,) = said(tmp_path / "data")["Contradictions"].details
    assert line == (
        "cat/0.png (cat) = dog/0.png (dog) = hen/0.png (hen) = cat/1.png (cat)"
        " and 7 more"
    )


def test_a_set_without_a_readable_image(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_text("no image")
    found = said(tmp_path)
    assert "Sizes" not in found
    assert found["Unreadable"].text == "2 images, left out by featx"
    assert found["Duplicates"].text == "none"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_600, "1.0 MB"),
        (12_345_678, "12 MB"),
        (3.2e15, "3200 TB"),
    ],
)
def test_file_sizes(count, text):
    assert file_size(count) == text
