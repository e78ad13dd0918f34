"""`featx.toml` and `featx config`: settings without options."""

import json

from featx.heads.settings import GROUPS
from tests.cli.conftest import WITHOUT_FRAMEWORKS, run_script

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")

TOML = """\
[extract]
backbone = ["mobilenet-0.25@32", "mobilenet-0.25@40"]
weights = "random"

[head]
name = "lda"
folds = 3

[report]
out_dir = "results"

[predict]
csv = true
"""


def test_the_file_takes_settings_and_options_win(run, work):
    (work / "featx.toml").write_text(TOML)
    (fitted,) = json.loads(run("fit", "--json").stdout)
    assert (
        fitted["run"] == "results/data-mobilenet-0.25-32+mobilenet-0.25-40-random-lda"
    )
    info = json.loads((work / fitted["run"] / "run.json").read_text())
    assert info["settings"]["folds"] == 3
    (other,) = json.loads(run("fit", "--folds", 5, "--head", "svm", "--json").stdout)
    info = json.loads((work / other["run"] / "run.json").read_text())
    assert info["settings"]["folds"] == 5
    # The command of the page makes the run again, though 5 folds are the default.
    assert "--folds 5" in info["command"]
    assert "fitted before" in run(*info["command"].split()[1:]).stderr
    assert run("report").stdout.endswith("results/index.html\n")
    image = "data/test/red"
    name = fitted["run"].split("/")[1]
    assert run("predict", name, image).stdout.startswith("path,")
    assert run("predict", name, image, "--json").stdout.startswith("[")


def test_what_comes_next_takes_what_was_extracted(run, work):
    assert "next: featx fit\n" in run("extract", *BACKBONE).stderr
    (work / "featx.toml").write_text(TOML)
    assert "next: featx fit\n" in run("extract").stderr
    words = "--backbone mobilenet-0.25@32 --weights random"
    assert f"next: featx fit {words}\n" in run("extract", *words.split()).stderr


def test_a_wrong_key_is_one_line(run, work):
    (work / "featx.toml").write_text("[head]\nfold = 3\n")
    for words in (["fit"], ["config"]):
        done = run(*words)
        assert done.exit_code == 1
        assert done.stderr.startswith("featx: error: featx.toml:2: unknown key")
        assert done.stderr.endswith("'head.fold'; did you mean 'folds'?\n")


def test_config_says_what_holds_and_why(run, work):
    done = run("config")
    assert done.exit_code == 0, done.stderr
    assert "note: there is no featx.toml here" in done.stderr
    (work / "featx.toml").write_text(TOML)
    done = run("config")
    assert done.stderr == ""
    (line,) = (line for line in done.stdout.splitlines() if "head.folds" in line)
    assert line.split() == ["head.folds", "3", "featx.toml:7"]
    held = json.loads(run("config", "--json").stdout)
    assert held["head.folds"] == {
        "value": 3,
        "from": "featx.toml:7",
        "option": "--folds",
    }
    assert held["head.parameters"]["option"] == "--set"
    assert held["cache.folder"]["value"] == "cache"


def test_config_imports_no_framework(work):
    run_script(WITHOUT_FRAMEWORKS.format(words=["config"]))


def test_bare_commands_work_after_one_extraction(run, work):
    assert run("extract", *BACKBONE).exit_code == 0
    fitted = json.loads(run("fit", "--json").stdout)
    assert [one["head"] for one in fitted] == [row.name for row in GROUPS["quick"]]
    assert run("report").exit_code == 0


def test_a_bare_extract_takes_the_backbone_that_comes_with_featx(run, work):
    done = run("extract", "--image-size", 32, "--json")
    assert done.exit_code == 0, done.stderr
    (made,) = json.loads(done.stdout)["embeddings"]
    assert made["spec"]["backbone"] == "efficientnetlite0"
    assert made["spec"]["image_size"] == 32
    assert made["computed"] == 36


def test_without_data_the_error_says_what_to_do(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in ("extract", "fit"):
        done = run(command)
        assert done.exit_code == 1
        assert done.stderr == (
            "featx: error: data: no such folder; put images into data/<class>/, or name"
            " the folder that holds them\n"
        )


def test_a_bare_fit_needs_an_extraction(run, work):
    done = run("fit")
    assert done.exit_code == 1
    assert "run `featx extract` first" in done.stderr
