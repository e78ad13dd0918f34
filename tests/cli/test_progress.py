"""Long work is shown: a bar in a terminal, plain lines elsewhere."""

import os
import pty
import re
import sys
import time

import pytest

from featx.cli.main import main
from featx.cli.progress import TerminalProgress
from featx.cli.terminal import log_to
from tests.cli.conftest import read_terminal
from tests.conftest import make_colours

WORDS = ("--backbone", "mobilenet-0.25", "--image-size", "32", "--weights", "random")

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What moves the cursor and sets colours in a terminal."""


def test_plain_lines_say_the_beginning_and_the_end(capsys, said):
    with TerminalProgress() as progress:
        update = progress.images("a at 8 pixels")
        for done in range(11):
            update(done, 10)
        progress.task("cross-validating svm", "folds")(5, 5)
        progress.note("look")
    first, last, folds, note = capsys.readouterr().err.splitlines()
    assert first == "a at 8 pixels: 0/10 images"
    assert last.startswith("a at 8 pixels: 10/10 images, ")
    assert folds == "cross-validating svm: 5/5 folds"
    assert note == "note: look"


def test_epochs_of_another_time_are_not_counted_as_fast(capsys, said):
    update = TerminalProgress().task("training basenet", "epochs")
    update(45, 50)
    assert capsys.readouterr().err == "training basenet: 45/50 epochs\n"


def test_a_terminal_gets_a_bar_and_stdout_stays_clean(tmp_path, monkeypatch, capsys):
    root = make_colours(tmp_path / "data", size=(40, 40))
    words = ["extract", str(root), *WORDS, "--cache-dir", str(tmp_path / "cache")]
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with pytest.raises(SystemExit, match="0"):
            main(words)
        monkeypatch.undo()
    shown = read_terminal(ours)
    assert b"36/36" in shown
    assert "━".encode() in shown
    assert capsys.readouterr().out.startswith("36 images, 3 classes")


def test_a_log_file_gets_lines_where_the_terminal_has_bars(
    monkeypatch, capsys, said, tmp_path
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    log_to(tmp_path / "featx.log")
    with TerminalProgress() as progress:
        progress.task("fitting svm", "fits")(6, 6)
    assert "━" in capsys.readouterr().err
    assert "INFO fitting svm: 6/6 fits\n" in (tmp_path / "featx.log").read_text()


def test_bars_make_room_for_notes(monkeypatch, capsys, said):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with TerminalProgress() as progress:
        update = progress.images("a")
        update(0, 10)
        progress.note("look")
        update(10, 10)
        progress.task("cross-validating svm", "folds")(5, 5)
    shown = capsys.readouterr().err
    assert "note: look" in shown
    assert "10/10" in shown
    assert "5/5" in shown


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_bar_is_one_line_with_all_its_numbers(monkeypatch, capsys, said, width):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    with TerminalProgress() as progress:
        update = progress.images("embeddings of each image, to see how long they take")
        for done in range(0, 1001, 250):
            update(done, 1000)
            time.sleep(0.06)
    shown = [CODES.sub("", line) for line in capsys.readouterr().err.splitlines()]
    lines = [line for line in shown if line.strip()]
    assert all("━" in line and "/1000" in line for line in lines), lines
    assert any("images/s" in line for line in lines), lines
    if width == 80:  # room for the titles that there are
        assert all(
            line.startswith("embeddings of each image, to see") for line in lines
        )
