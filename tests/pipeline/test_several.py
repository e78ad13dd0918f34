"""Of several runs, one that fails doesn't take the others down."""

from types import SimpleNamespace

import pytest

from featx.errors import HeadError
from featx.pipeline.several import make_each
from featx.progress import SILENT, Progress


class Notes(Progress):
    def __init__(self):
        self.failures = []

    def failed(self, name, error):
        self.failures.append((name, str(error)))


def wanted(*names):
    return [SimpleNamespace(name=name) for name in names]


def make(one):
    if one.name.startswith("bad"):
        raise HeadError(f"no {one.name}")
    return one.name


def test_the_others_are_made():
    progress = Notes()
    assert make_each(wanted("a", "bad", "b"), make, progress) == ["a", "b"]
    assert progress.failures == [("bad", "no bad")]


def test_the_only_one_raises():
    with pytest.raises(HeadError, match="no bad"):
        make_each(wanted("bad"), make, Notes())


def test_if_all_fail_the_last_one_raises():
    progress = Notes()
    with pytest.raises(HeadError, match="no bad2"):
        make_each(wanted("bad1", "bad2"), make, progress)
    assert progress.failures == [("bad1", "no bad1")]


def test_without_a_listener_the_first_failure_raises():
    with pytest.raises(HeadError, match="no bad"):
        make_each(wanted("a", "bad", "b"), make, SILENT)
