"""`featx rank`: candidates, the table, and what comes next."""

import json
import shlex
import shutil

import pytest

from featx.cli.rank import CandidateOptions, candidates
from featx.embeddings.settings import ExtractSettings
from featx.pipeline.project import read_project

SMALL = ("--backbone", "mobilenet-0.25@32", "--weights", "random")


def made(**given):
    return candidates.make(given, read_project)


def test_the_table_and_what_comes_next(run, work, monkeypatch):
    monkeypatch.setattr(
        shutil, "get_terminal_size", lambda *_: shutil.os.terminal_size((80, 24))
    )
    done = run("rank", *SMALL, "--images", 15)
    assert done.exit_code == 0, done.stderr
    assert "15 training images, 3 classes" in done.stdout
    lines = done.stdout.splitlines()
    head = next(line for line in lines if line.startswith("embedding"))
    assert head.split()[1:4] == ["lda", "lda", "95%"]
    rows = [line for line in lines if line.startswith("mobilenet-0.25@32")]
    assert sorted(row.split()[1] == "flip" for row in rows) == [False, True]
    assert max(map(len, lines)) <= 80
    recommended = lines[-1].removeprefix("** the quickest of these from here: ")
    flip = ["--flip"] if recommended.endswith(" flip") else []
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: featx "))
    expected = ["extract", "--backbone", "mobilenet-0.25@32", *flip]
    assert words == [*expected, "--weights", "random"]
    # What was computed for the sample isn't computed again.
    extracted = json.loads(run(*words, "--json").stdout)["embeddings"]
    assert [(one["computed"], one["cached"]) for one in extracted] == [(21, 15)] * (
        1 + len(flip)
    )


def test_json_and_a_candidate_that_fails(run, work):
    sizes = ("--image-size", 16, "--image-size", 32, "--no-flip")
    backbone = ("--backbone", "mobilenet-0.25", "--weights", "random")
    done = run("rank", *backbone, *sizes, "--json")
    assert done.exit_code == 1
    assert "mobilenet-0.25@16 failed, going on with the others" in done.stderr
    assert "needs at least 32 pixels" in done.stderr
    assert "error: failed, as noted above: mobilenet-0.25@16" in done.stderr
    found = json.loads(done.stdout)
    (one,) = found["candidates"]
    assert found["images"] == 24
    assert found["recommended"] == one["embedding"] == "mobilenet-0.25@32"
    assert (one["as_good"], one["lacking"]) == (True, 12)
    assert one["lda"]["interval"][0] <= one["lda"]["cv_accuracy"]
    assert one["seconds"] > 0


def test_what_is_not_given_is_varied(work):
    given = made(backbone=("resnet50", "vgg16@64"))
    assert [(one.short, one.flip) for one in given] == [
        ("resnet50", False),
        ("resnet50", True),
        ("resnet50@288", False),
        ("resnet50@288", True),
        ("vgg16@64", False),
        ("vgg16@64", True),
    ]
    fixed = {"backbone": ("resnet50",), "image-size": (160, 224), "flip": True}
    assert [(one.short, one.flip) for one in made(**fixed)] == [
        ("resnet50@160", True),
        ("resnet50@224", True),
    ]
    ways = made(**fixed, resize=("squash", "crop"))
    assert [one.short for one in ways][1::2] == [
        "resnet50@160:crop",
        "resnet50@224:crop",
    ]


def test_featx_toml_fixes_what_does_not_tell_candidates_apart(work, monkeypatch):
    (work / "featx.toml").write_text(
        '[extract]\nbackbone = "vgg16"\nflip = true\npooling = "max"\n'
    )
    assert made(backbone=("resnet50",), **{"image-size": (64,)}) == [
        ExtractSettings(backbone="resnet50", image_size=64, pooling="max", flip=flip)
        for flip in (False, True)
    ]
    monkeypatch.setattr(
        "featx.pipeline.rank.is_here", lambda row: row.name == "mobilenet"
    )
    assert {one.backbone for one in made()} == {"mobilenet"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--weights", "own.h5"), 2, "--weights FILE needs --backbone"),
        (("--pooling", "none", *SMALL), 1, "use avg or max"),
        (("--backbone", "resnet51"), 2, "did you mean 'resnet50'"),
        (("--images", 1, *SMALL), 2, "1 is not in the range"),
        (("nowhere", *SMALL), 1, "nowhere"),
    ],
)
def test_errors_are_one_line(run, work, words, code, message):
    done = run("rank", *words)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert len([line for line in done.stderr.splitlines() if "rror" in line]) == 1


def test_the_help_says_what_is_ranked_by_default(run):
    text = " ".join(run("rank", "--help").stdout.split())
    assert (
        "[default: all whose weights are on this machine, but very slow ones]" in text
    )
    assert "[default: the backbone's own, and a larger one; 1<=x<=4096]" in text
    assert "only those without. [default: both]" in text


def test_the_options_are_those_of_extract():
    extract = CandidateOptions("x", ExtractSettings)
    assert list(candidates.options) == list(extract.options)
    assert {"backbone", "image_size", "layer", "weights"} <= candidates.options.keys()
