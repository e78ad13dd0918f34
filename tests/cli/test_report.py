"""`featx report` renders what it is asked for."""

import errno
import os

import pytest

from featx.reports import writing

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


def test_a_named_run_is_rendered_alone(run, work):
    run("extract", *BACKBONE)
    run("fit", "--head", "logreg", "--head", "lda")
    done = run("report", "data-mobilenet-0.25-random-lda")
    assert "data-mobilenet-0.25-random-lda/index.html" in done.stdout
    assert not (work / "reports/data-mobilenet-0.25-random-logreg/index.html").exists()


def test_a_full_disk_takes_no_run_off_the_leaderboard(run, work, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run("fit", *BACKBONE, "--head", "lda")
    monkeypatch.setattr(writing, "write_atomically", full)
    done = run("report")
    assert done.exit_code == 1
    assert "can't write the report (No space left on device)" in done.stderr
    assert "left out" not in done.stderr
    assert not (work / "reports/index.html").exists()


@pytest.mark.parametrize("has_browser", [True, False])
def test_open_shows_the_page_or_says_where_it_is(
    run, make_run, tmp_path, monkeypatch, has_browser
):
    opened = []
    monkeypatch.setattr(
        "webbrowser.open", lambda address: opened.append(address) or has_browser
    )
    made, reports = make_run(), tmp_path / "reports"
    done = run("report", "--open", "--out-dir", reports)
    run("report", made.name, "--open", "--out-dir", reports, "--json")
    pages = [reports / "index.html", made.path / "index.html"]
    assert opened == [page.as_uri() for page in pages]
    note = f"note: there is no browser here; the page is {opened[0]}"
    assert (note in done.stderr) is not has_browser


def test_an_unknown_run_gets_the_nearest_names(run, make_run, tmp_path):
    make_run(head="svm")
    make_run(head="lda")
    reports = ("--out-dir", tmp_path / "reports")
    close = run("report", "pets-mobilenetv2-0.35-ldb", *reports)
    part = run("report", "svm", *reports)
    assert (
        "no such run folder; did you mean 'pets-mobilenetv2-0.35-lda'" in close.stderr
    )
    assert part.stderr.endswith("; did you mean 'pets-mobilenetv2-0.35-svm'?\n")
    other = run("report", "zzz", *reports)
    assert other.stderr.endswith("; `featx report` lists what there is\n")


def test_a_folder_that_is_no_run_does_not_hide_the_run(run, make_run, tmp_path):
    made = make_run()
    (tmp_path / made.name).mkdir()
    (tmp_path / "photos").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = run("report", made.name)
        assert done.exit_code == 0, done.stderr
        other = run("report", "photos")
    assert "photos: not a run's folder: it has no run.json; `featx" in other.stderr
