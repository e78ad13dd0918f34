"""One damaged run doesn't keep the pages of the others from being drawn."""

import os
from dataclasses import replace

import pytest

from featx.errors import RunError
from featx.pipeline.report import report
from featx.runs.write import write_run
from tests.conftest import Noted
from tests.runs.conftest import contents

DAMAGE = {
    "predictions.csv": "half",
    "history.csv": "epoch,loss\n1,x\n",
    "pretraining.csv": "epoch,loss\n1\n",
    "recipe.toml": "\ud800",
    "metrics.json": "[" * 200_000,
    "run.json": '{"a":' * 200_000,
}


@pytest.fixture
def two(tmp_path):
    """Two runs on the same data."""
    made = [contents(name) for name in ("bad", "good")]
    return [write_run(tmp_path, replace(one, recipe="a = 1\n")) for one in made]


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_left_out(two, name):
    bad, good = two
    (bad.path / name).write_bytes(DAMAGE[name].encode("utf-8", "surrogatepass"))
    noted = Noted()
    made = report(out_dir=bad.path.parent, progress=noted)
    assert [run.name for run in made.runs] == ["good"]
    assert made.page.is_file()
    assert (good.path / "index.html").is_file()
    (note,) = noted.notes
    assert note.startswith(f"left out: {bad.path}")


@pytest.mark.parametrize("name", ["predictions.csv", "metrics.json"])
def test_a_named_pipe_in_a_run_is_not_waited_for(two, name):
    bad, _ = two
    (bad.path / name).unlink()
    os.mkfifo(bad.path / name)
    noted = Noted()
    assert [r.name for r in report(out_dir=bad.path.parent, progress=noted).runs] == [
        "good"
    ]
    assert "not a regular file" in noted.notes[0]


def test_a_damaged_run_that_is_named_is_an_error(two):
    bad, _ = two
    (bad.path / "predictions.csv").write_text("half")
    with pytest.raises(RunError, match=r"predictions\.csv: damaged"):
        report(["bad"], out_dir=bad.path.parent)
