"""Of several runs, one that fails doesn't take the others down."""

import pytest

from featx.errors import HeadError
from featx.pipeline.several import make_each
from featx.progress import SILENT, Progress


class Notes(Progress):
    def __init__(self):
        self.failures = []

    def failed(self, name, error):
        self.failures.append((name, str(error)))


def make(one):
    if one.startswith("bad"):
        raise HeadError(f"no {one}")
    return one.upper()


def test_the_others_are_made():
    progress = Notes()
    assert make_each(["a", "bad", "b"], make, progress, name=str.title) == ["A", "B"]
    assert progress.failures == [("Bad", "no bad")]


def test_the_only_one_raises():
    with pytest.raises(HeadError, match="no bad"):
        make_each(["bad"], make, Notes(), name=str.title)


def test_if_all_fail_the_last_one_raises():
    progress = Notes()
    with pytest.raises(HeadError, match="no bad2"):
        make_each(["bad1", "bad2"], make, progress, name=str.title)
    assert progress.failures == [("Bad1", "no bad1")]


def test_without_a_listener_the_first_failure_raises():
    with pytest.raises(HeadError, match="no bad"):
        make_each(["a", "bad", "b"], make, SILENT, name=str.title)
