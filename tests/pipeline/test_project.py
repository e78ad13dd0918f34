"""`featx.toml`: what it states, on which line, and what holds."""

import os

import pytest

from featx.embeddings.settings import ExtractSettings
from featx.errors import RecipeError
from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.project import (
    TABLES,
    combinations,
    holdings,
    read_project,
    stated_values,
)
from featx.predict.settings import OutputSettings
from featx.runs.settings import ReportSettings
from featx.settings import Settings

EXAMPLE = """\
data = "photos"

[extract]
backbone = [
    "resnet50@160",
    "vgg16",
]
flip = true

# How heads are scored.
[head]
folds = 3
parameters = {C = 0.01}

[finetune]
preset = "adam-10"
epochs = 4
"""


@pytest.fixture
def project(tmp_path):
    """Write a `featx.toml` and read it."""

    def write(text):
        (tmp_path / "featx.toml").write_text(text)
        return read_project(tmp_path)

    return write


def test_each_class_gets_its_table(project):
    read = project(EXAMPLE)
    assert read.values(DataSettings) == {"path": "photos"}
    assert read.values(ExtractSettings)["backbone"] == ["resnet50@160", "vgg16"]
    assert read.values(HeadSettings) == {"folds": 3, "parameters": {"C": 0.01}}
    assert read.values(ReportSettings) == {}
    assert read.values(Settings) == {}


def test_nothing_is_stated_without_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_project().tables == {}
    assert stated_values(DataSettings) == {}
    assert {one.source for one in holdings(read_project())} == {"default"}


def test_every_setting_has_a_place(project):
    held = [one.name for one in holdings(project(""))]
    assert held == [
        f"{t}.{key}" for t, kind in TABLES.items() for key in kind.model_fields
    ]


def test_what_holds_and_where_it_comes_from(project):
    read = project(EXAMPLE)
    held = {one.name: one for one in holdings(read)}
    at = {name: one.source.rpartition(":")[2] for name, one in held.items()}
    assert (held["data.path"].value, at["data.path"]) == ("photos", "1")
    assert held["extract.backbone"].meaning == "resnet50@160, vgg16"
    assert at["extract.backbone"] == "4"
    assert (held["extract.flip"].meaning, at["extract.flip"]) == ("true", "8")
    assert (held["head.folds"].value, at["head.folds"]) == (3, "12")
    assert held["head.name"].value == "quick"
    assert held["head.parameters"].option == "--set"
    assert held["network.name"].meaning == "to be given"
    assert held["cache.batch_size"].meaning == "what fits in memory"
    assert (held["finetune.epochs"].value, at["finetune.epochs"]) == (4, "17")
    # What a preset stands for comes from its line.
    assert (held["finetune.monitor"].value, at["finetune.monitor"]) == (
        "accuracy",
        "16",
    )
    assert held["finetune.preset"].value == "adam-10"
    assert held["finetune.patience"].source == "default"


def test_a_size_after_the_backbone_is_an_image_size(project):
    held = {one.name: one for one in holdings(project('extract.backbone="vgg16@96"'))}
    assert held["extract.backbone"].value == ["vgg16@96"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('dta = "photos"', 1, "unknown key 'dta'; did you mean 'data' or"),
        ("[zzzzzz]\n", 1, "unknown key 'zzzzzz'; known here: data, extract, cache"),
        ("[data]\n\nseed = 1\nsede = 2", 4, "unknown key 'data.sede'; did you mean"),
        ("[head]\nfolds = 1", 2, "'head.folds': input should be greater than or"),
        ('[head]\nname = ["svm",\n  "ldaa"]', 2, "no head 'ldaa'; did you mean 'lda'"),
        ("[head]\nname = []", 2, "'head.name': the list is empty"),
        ("[[extract]]\nflip = true", 1, "'extract' is not a table; write [extract]"),
        (
            '[extract]\nbackbone = "vgg16@64"\nimage_size = 32',
            1,
            "'extract.backbone' vgg16@64: give the size after @ or by 'extract.",
        ),
        ('[extract]\nbackbone = "vgg61"', 2, "unknown backbone 'vgg61'"),
        ("[network]\nfold = 3", 2, "unknown key 'network.fold'; did you mean 'folds'"),
        ("[network]\nfolds = 1", 2, "'network.folds': input should be"),
        ("[predict]\ncsv = true\nas_json = true", 1, "choose one of 'predict.csv'"),
        ("[predict]\nparameters = 1", 2, "unknown key"),
        ("[report]\nout_dir = 5", 2, "'report.out_dir': input should be a valid path"),
        ("[cache]\nfolder = 'a'\n[data]\npath = \"a\\u0000\"", 4, "character NUL"),
        ("[head]\nseed = true", 2, "'head.seed': input should be a number, not true"),
        ("[extract]\nbackbone = {a = 1}", 2, "input should be a valid string"),
        ("[" + ".".join("a" * 20_000) + "]", 1, "unknown key 'a'"),
        ("# a\n" * 20_000 + "[head]\nfolds = 1", 20_002, "'head.folds'"),
    ],
)
def test_an_error_is_one_line_with_file_line_and_key(project, text, line, message):
    with pytest.raises(RecipeError) as caught:
        project(text)
    assert f"featx.toml:{line}: " in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_editors_may_write_line_ends_and_a_mark_of_their_own(tmp_path):
    text = "\ufeff[head]\r\nfolds = 3\r\nseed = 1\r\n"
    (tmp_path / "featx.toml").write_bytes(text.encode())
    read = read_project(tmp_path)
    assert read.values(HeadSettings) == {"folds": 3, "seed": 1}
    assert read.where("head", "seed").endswith("featx.toml:3")


def test_lines_of_statements(project):
    read = project(
        'data = """\n[head]\n"""\n# [head]\nhead.seed = 1\n'
        "[ extract ] # [head]\nbackbone = [\n'vgg16'\n]\nflip = true\n"
    )
    assert read.lines == {
        ("data",): 1,
        ("head",): 5,
        ("head", "seed"): 5,
        ("extract",): 6,
        ("extract", "backbone"): 7,
        ("extract", "flip"): 10,
    }


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing", "loop"])
def test_what_is_no_file_is_told(kind, tmp_path):
    path = tmp_path / "featx.toml"
    make = {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "link to nothing": lambda: path.symlink_to("none"),
        "loop": lambda: path.symlink_to(path.name),
    }
    make[kind]()
    with pytest.raises(RecipeError, match=r"featx.toml: can't be read \(.*TOML file"):
        read_project(tmp_path)


def test_what_is_no_toml_is_told(project):
    with pytest.raises(RecipeError, match=r"featx.toml: not TOML .*end of a table"):
        project("[data")


@pytest.mark.parametrize(
    ("kind", "stated", "given", "wanted"),
    [
        (
            DataSettings,
            {"seed": 1, "labels": "l"},
            {"seed": 2},
            {"labels": "l", "seed": 2},
        ),
        # A backbone that is given brings its own size.
        (
            ExtractSettings,
            {"image_size": [96], "flip": True},
            {"backbone": ["vgg16@64"]},
            {"image_size": "64", "flip": True, "backbone": "vgg16"},
        ),
        (
            ExtractSettings,
            {"backbone": ["vgg16@64"]},
            {"image_size": [32]},
            {"image_size": 32, "backbone": "vgg16"},
        ),
        # A preset that is given wins over settings and preset of the file.
        (
            FinetuneSettings,
            {"preset": "rmsprop-100", "monitor": "loss", "epochs": 3},
            {"preset": "adam-10"},
            FinetuneSettings.spelled_out({"preset": "adam-10"}),
        ),
        # Parameters are those of the head that the file names.
        (
            HeadSettings,
            {"name": ["logreg"], "parameters": {"C": 1.0}, "hidden": "8"},
            {"name": ["svm"]},
            {"name": "svm"},
        ),
        (
            HeadSettings,
            {"name": ["mlp"], "hidden": "8"},
            {},
            {"name": "mlp", "hidden": "8"},
        ),
        (
            OutputSettings,
            {"csv": True, "top_k": 2},
            {"as_json": True},
            {"csv": False, "as_json": True, "submission": None, "top_k": 2},
        ),
    ],
)
def test_what_is_given_wins_over_what_is_stated(kind, stated, given, wanted):
    (merged,) = combinations(kind, stated, given)
    assert merged == wanted
    assert kind.model_validate(merged)


def test_lists_are_combined():
    stated, given = {"backbone": ["vgg16", "resnet50"]}, {"image_size": (32, 64)}
    made = [
        ExtractSettings(**one) for one in combinations(ExtractSettings, stated, given)
    ]
    assert [(one.backbone, one.image_size) for one in made] == [
        ("vgg16", 32),
        ("vgg16", 64),
        ("resnet50", 32),
        ("resnet50", 64),
    ]
