"""`featx report` renders what it is asked for."""

import errno
import os

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
