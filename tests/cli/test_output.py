"""What commands say besides their results, and how to have less or more of it."""

import os
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from featx.cli.show import predict_next
from featx.runs.settings import ReportSettings
from tests.cli.conftest import in_folder
from tests.conftest import make_colours
from tests.made_runs import with_info

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")
NAME = "my_photos-mobilenet-0.25-random-lda"


def what_is_next(done):
    """Return the words of the command that comes next, without featx."""
    assert done.exit_code == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("next: ")]
    featx, *words = shlex.split(line.removeprefix("next: "))
    assert featx == "featx"
    return words


def test_each_command_leads_to_the_next_one(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_colours(tmp_path / "my photos", size=(40, 40))
    reports = ["--out-dir", "my reports"]
    words = what_is_next(run("inspect", "my photos", *reports))
    assert words == ["extract", "my photos"]
    words = what_is_next(run(*words, *BACKBONE, "--cache-dir", "c"))
    assert words == ["fit", "my photos", "--cache-dir", "c"]
    words = what_is_next(run(*words, "--head", "lda", *reports))
    assert words == ["report", *reports]
    words = what_is_next(run(*words))
    image = "my photos/test/blue/000.png"
    assert words == ["predict", NAME, image, *reports]
    assert what_is_next(run(*words)) == ["export", NAME, *reports]
    dry = ["cache", "prune", "my photos", "--cache-dir", "c"]
    assert what_is_next(run(*dry, "--dry-run")) == dry
    (tmp_path / "d").mkdir()
    words = what_is_next(run("cache", "list", "--cache-dir", "d"))
    assert words == ["extract", "--cache-dir", "d"]
    for words in (["cache", "list", "--cache-dir", "c"], ["heads"], ["backbones"]):
        assert "next: " not in run(*words).stderr


def test_a_recipe_leads_to_its_best_run(run, work):
    in_folder(work, "extract", *BACKBONE)
    in_folder(work, "fit", "--head", "lda", "--out-dir", "r")
    name = "data-mobilenet-0.25-random-lda"
    words = what_is_next(run("run", f"r/{name}/recipe.toml"))
    assert words == ["predict", name, "data/test/blue/000.png", "--out-dir", "r"]


@pytest.mark.parametrize("toml", ["", 'report.out_dir = "r"', "report = 1"])
def test_what_comes_next_finds_the_folder_that_featx_toml_names(
    make_run, tmp_path, monkeypatch, toml
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "featx.toml").write_text(toml)
    run = make_run(root=tmp_path)
    image = tmp_path / "test" / "<i>img_0.png"
    image.parent.mkdir()
    image.touch()
    shutil.copytree(run.path, Path("r") / run.name)
    for out_dir in ("r", "reports"):
        path = Path(out_dir) / run.name
        found = predict_next(
            [replace(run, path=path)], ReportSettings(out_dir=Path(out_dir))
        )
        is_held = (out_dir == "r") == ("out_dir" in toml)
        folder = () if is_held else ("--out-dir", out_dir)
        assert found.words == (run.name, "test/<i>img_0.png", *folder)


def test_nothing_comes_next_where_it_would_not_work(make_run, tmp_path):
    run = make_run(root=tmp_path)
    report = ReportSettings(out_dir=run.path.parent)
    assert predict_next([run], report) is None
    image = tmp_path / "test" / "<i>img_0.png"
    image.parent.mkdir()
    image.touch()
    found = predict_next([run], report)
    assert found.words[:2] == (run.name, str(image))
    # A run elsewhere is named by its path.
    assert predict_next([run], ReportSettings()).words[0] == str(run.path)
    assert predict_next([with_info(run, weights="file")], report) is None
    (run.path / "predictions.csv").unlink()
    assert predict_next([run], report) is None


@pytest.fixture
def extracted(work):
    in_folder(work, "extract", *BACKBONE)
    return work


def test_quiet_leaves_results_and_errors(run, extracted):
    done = run("fit", "--head", "lda", "-q")
    assert "data-mobilenet-0.25-random-lda" in done.stdout
    assert done.stderr == ""
    before = run("--quiet", "fit", "--head", "lda")
    assert (before.stdout, before.stderr) == (done.stdout, "")
    wrong = run("predict", "none", "data", "-q")
    assert wrong.stderr.startswith("featx: error: reports/none: no such run folder")


def test_verbose_says_files_settings_cache_hits_and_timings(run, extracted):
    (extracted / "featx.toml").write_text('data = "data"\n')
    done = run("fit", "--head", "lda", "-v")
    for line in (
        r"featx fit, version .*, in .*",
        r"heads: name=lda, tune=False, tune_seconds=20.0, folds=5, .*",
        r"reading featx\.toml",
        r"data: 36 images, class folders in train/, tested on test/",
        r"cache/.*: 36 of 36 images are in the cache, 0 to compute, 0 unreadable",
        r"cross validation: \d+\.\d+ s",
        r"lda: written to reports/data-mobilenet-0.25-random-lda",
        r"exit code 0 after \d+\.\d s",
    ):
        assert re.search(f"(?m)^.*{line}$", done.stderr), line
    assert "36 to compute" not in run("fit", "--head", "lda").stderr


def test_quiet_and_verbose_exclude_each_other(run):
    for words in (["heads", "-q", "-v"], ["-v", "heads", "--quiet"]):
        done = run(*words)
        assert done.exit_code == 2
        assert "-q/--quiet and -v/--verbose exclude each other" in done.stderr


def test_a_log_file_gets_everything_with_times(run, extracted):
    log = ("--log-file", "featx.log")
    done = run("fit", "--head", "lda", "-q", *log)
    text = (extracted / "featx.log").read_text()
    times = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ (DEBUG|INFO|WARNING|ERROR) "
    lines = text.splitlines()
    assert all(re.match(times, line) for line in lines)
    messages = [re.sub(times, "", line) for line in lines]
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert set(printed) <= set(messages)
    assert "fitting lda: 6/6 fits" in messages
    assert "next: featx report" in messages
    assert any(line.startswith("note: the backbone's weights") for line in messages)
    run("predict", "none", "data", *log)
    longer = (extracted / "featx.log").read_text()
    assert longer.startswith(text)
    assert "ERROR featx: error: reports/none: no such run folder" in longer
    assert "DEBUG Traceback (most recent call last):" in longer


def test_a_log_file_that_cannot_be_written(run, tmp_path):
    done = run("heads", "--log-file", tmp_path / "none" / "featx.log")
    assert done.exit_code == 1
    assert done.stderr.endswith(
        "none/featx.log: can't write the log (No such file or directory); choose"
        " another --log-file\n"
    )


def test_a_pipe_that_nobody_reads_is_not_waited_for(run, tmp_path):
    os.mkfifo(tmp_path / "log")
    done = run("heads", "--log-file", tmp_path / "log")
    assert done.exit_code == 1
    assert "can't write the log (No such device or address)" in done.stderr


def test_a_log_on_a_full_disk_ends(run):
    done = run("heads", "--log-file", "/dev/full")
    assert done.exit_code == 0
    notes = [line for line in done.stderr.splitlines() if "log ends here" in line]
    assert notes == ["note: /dev/full: the log ends here (No space left on device)"]
