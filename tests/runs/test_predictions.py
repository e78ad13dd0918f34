"""What runs keep of their answers to training images that they had not seen."""

import numpy as np
import pytest

from featx.errors import RunError
from featx.runs.predictions import HeldOut
from featx.runs.write import write_run
from tests.runs.conftest import one_line

ODD = "train/a,b\udcff.png"
"""A name that is not UTF-8, with a comma."""


def test_held_out_answers_are_read_as_written(tmp_path, make_contents):
    given = HeldOut(
        ("train/a.png", ODD), np.array([3, 3]), np.array([True, False], dtype=bool)
    )
    found = write_run(tmp_path, make_contents(held_out=given)).held_out()
    assert found.paths == given.paths
    assert found.groups.tolist() == [3, 3]
    assert found.correct.tolist() == [True, False]
    assert found.correct.dtype == bool


def test_a_run_without_them(run):
    assert run.held_out() is None


@pytest.mark.parametrize(
    "text",
    ["", "path,group,correct\n", "path,correct\na,1\n", "path,group,correct\na\n"],
)
def test_damaged_answers(run, text):
    path = run.path / "held_out.csv"
    path.write_text(text)
    with pytest.raises(RunError) as caught:
        run.held_out()
    one_line(caught, path)
