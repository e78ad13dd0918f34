"""Nothing that a file or a class is called reaches the terminal raw."""

import json
import logging
import os
import pty
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from featx.cli.progress import TerminalProgress
from featx.cli.terminal import (
    log,
    log_to,
    logged,
    say,
    say_data,
    say_json,
    show_levels_from,
    visible,
)
from tests.cli.conftest import read_terminal
from tests.conftest import write_image

# Each moves the cursor, changes the terminal, or the order in which text is shown.
HOSTILE = (
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\r",
    "\x9b2J",
    "\x7f",
    "\u202egpj",
    "\u2066",
)

WORDS = ("--backbone", "mobilenet-0.25", "--image-size", "32", "--weights", "random")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_shown_is_written_out(text):
    assert visible(f"a{text}b").isprintable()
    assert visible(f"a{text}b").startswith("a\\")


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Ärger über Größe",
        "犬",
        "👩\u200d🔬",
        "می\u200cخواهم",
        "1\xa0000 °C",
        "a\\b",
    ],
)
def test_words_of_all_languages_stay(text):
    assert visible(text) == text


def test_a_line_is_one_line(capsys, said, tmp_path):
    log_to(tmp_path / "featx.log")
    log("a\nfeatx: error: b")
    say("first", "second")
    shown = capsys.readouterr()
    assert shown.err == "a\\nfeatx: error: b\n"
    assert shown.out == "first\nsecond\n"
    assert len((tmp_path / "featx.log").read_text().splitlines()) == 3


@pytest.mark.parametrize("text", [*HOSTILE, "\U000e0041", "a\nb", "é"])
def test_json_reads_back_the_same(capsys, text):
    say_json({text: [text]})
    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable()
    assert json.loads(said) == {text: [text]}


def test_data_are_kept_in_a_pipe_and_written_out_on_a_screen(capsys, monkeypatch):
    say_data("a\x1b,1\n")
    assert capsys.readouterr().out == "a\x1b,1\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    say_data("a\x1b,1\n")
    assert capsys.readouterr().out == "a\\x1b,1\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", ["heads", "heads --json"])
def test_a_full_disk_behind_stdout_is_named(words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "featx", *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "featx: error: stdout: No space left on device\n"


def test_bars_write_titles_out_and_read_no_markup(monkeypatch, capsys, said):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with TerminalProgress() as progress:
        progress.task("[red]a\u202e[/red]", "folds")(1, 2)
        progress.note("b\u202e")
    shown = capsys.readouterr().err
    assert "[red]a\\u202e[/red]" in shown
    assert "b\\u202e" in shown
    assert "\u202e" not in shown


@pytest.mark.filterwarnings("always")
def test_warnings_of_python_are_one_line_and_in_the_log(capsys, tmp_path):
    before = warnings.showwarning
    with logged():
        log_to(tmp_path / "featx.log")
        warnings.warn("old\n  name \x1b[31m", FutureWarning, stacklevel=1)
        show_levels_from(logging.ERROR)  # --quiet
        warnings.warn("another", UserWarning, stacklevel=1)
    shown, *rest = capsys.readouterr().err.splitlines()
    assert shown.startswith("warning: old name \\x1b[31m (FutureWarning, ")
    assert "test_terminal.py:" in shown
    assert not rest
    logged_lines = (tmp_path / "featx.log").read_text().splitlines()
    assert "WARNING warning: old name" in logged_lines[0]
    assert "WARNING warning: another (UserWarning" in logged_lines[1]
    assert warnings.showwarning is before


def test_a_full_disk_ends_the_log_and_not_the_work(capsys, said):
    log_to(Path("/dev/full"))
    log("first")
    log("second")
    first, note, second = capsys.readouterr().err.splitlines()
    assert (first, second) == ("first", "second")
    assert note.startswith("note: /dev/full: the log ends here (")


def in_a_terminal(*words, cwd):
    """Run featx with a terminal for stdout and stderr; return what it shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "featx", *words], stdout=theirs, stderr=theirs, cwd=cwd
    )
    os.close(theirs)
    shown = read_terminal(ours)
    os.close(ours)
    process.wait()
    return shown.decode()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Image folders in which every name would do something to a terminal."""
    root = tmp_path_factory.mktemp("hostile")
    for label in ("a\x1b]0;owned\x07", "b\u202egpj", "c\nfeatx: error: d"):
        for number in range(6):
            path = root / "data" / label / f"{number}\x1b]0;owned\x07.png"
            write_image(path, (number, len(label), 9), seed=number, size=(40, 40))
        (root / "data" / label / "broken\x1b]0;owned\x07\n.png").write_bytes(b"x")
    return root


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["inspect"],
        ["inspect", "--json"],
        ["extract", *WORDS],
        ["fit", *WORDS, "--head", "lda", "--folds", "2"],
        ["fit", *WORDS, "--head", "lda", "--folds", "2", "--json"],
        ["report"],
        ["predict", "data-mobilenet-0.25_32-random-lda", "data"],
        ["predict", "data-mobilenet-0.25_32-random-lda", "data", "--csv"],
        ["predict", "none\x1b]0;owned\x07\n", "data"],
        ["fit", "--\x1b]0;owned\x07"],
        ["extract", "none\x1b]0;owned\x07\n", *WORDS, "--debug"],
    ],
    ids=str,
)
def test_no_command_shows_names_raw(hostile, words):
    shown = in_a_terminal(*words, cwd=hostile)
    assert "\x1b]0;" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "\nfeatx: error: d" not in shown.replace("\r", "") or "--csv" in words
