"""Names that spreadsheets run as formulas are told once, and kept."""

import csv
import io

import pytest

from featx.cli.main import main
from featx.formulas import formula_notes
from tests.conftest import make_colours

RANDOM = ("--backbone", "mobilenet-0.25", "--image-size", "32", "--weights", "random")
FORMULA = "=cmd|' C'!A0"


@pytest.mark.parametrize("name", [FORMULA, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "-"])
def test_a_formula_is_noted(name):
    (note,) = formula_notes(["cat", name, name])
    assert note.startswith(f"'{name}' in a CSV file may be run as a formula")


@pytest.mark.parametrize("name", ["cat", "a=b", "-1", "+1.5", "1-2", "犬", ""])
def test_other_names_are_not(name):
    assert formula_notes([name]) == []


def test_of_several_the_first_is_named():
    assert formula_notes(["=a", "=b", "=c"])[0].startswith("'=a' and 2 more in")


def test_commands_tell_and_keep_the_data(tmp_path, monkeypatch):
    from click.testing import CliRunner

    def run(*words):
        done = CliRunner().invoke(main, list(words))
        assert done.exit_code == 0, done.stderr
        return done

    make_colours(tmp_path / "data", size=(40, 40))
    for part in ("train", "test"):
        (tmp_path / "data" / part / "red").rename(tmp_path / "data" / part / FORMULA)
    monkeypatch.chdir(tmp_path)
    done = run("fit", *RANDOM, "--head", "lda")
    assert done.stderr.count("may be run as a formula") == 1
    written = next(tmp_path.glob("reports/*/predictions.csv")).read_text()
    assert FORMULA in {row[1] for row in csv.reader(io.StringIO(written))}
    name = next(tmp_path.glob("reports/data-*")).name
    (tmp_path / "=1+1.png").write_bytes(
        (tmp_path / "data" / "test" / "blue" / "000.png").read_bytes()
    )
    done = run("predict", name, "=1+1.png", "--csv")
    assert done.stderr.count("may be run as a formula") == 1
    assert next(csv.reader(io.StringIO(done.stdout.splitlines()[1])))[0] == "=1+1.png"
    assert "formula" not in run("predict", name, "=1+1.png", "--json").stderr
