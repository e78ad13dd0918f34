"""Runs that take long: made once, by one process, and gone on with."""

import contextlib

import pytest

from featx.errors import RunError
from featx.locks import FolderLock
from featx.runs.write import make_run


@pytest.fixture
def made(tmp_path, make_contents):
    """Make a run; return it, whether it was made now, and the state it was told."""

    def make(reports_dir=tmp_path, write=lambda folder: None):
        states = []

        def contents_of(folder):
            states.append(sorted(path.name for path in folder.iterdir()))
            write(folder)
            return make_contents(fingerprint="abc", head="any")

        run, fresh = make_run(reports_dir, "train", "abc", contents_of)
        return run, fresh, states

    return make


def test_a_run_is_made_once(made, tmp_path):
    run, fresh, states = made()
    assert fresh
    assert states == [[".lock"]]
    again, fresh, states = made()
    assert (again.path, fresh, states) == (run.path, False, [])
    assert list(tmp_path.glob(".train-*")) == []


def test_the_state_lasts_until_the_run_is_written(made, tmp_path):
    def interrupted(folder):
        (folder / "weights").write_text("1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(write=interrupted)
    _, fresh, states = made()
    assert fresh
    assert states == [[".lock", "weights"]]
    assert list(tmp_path.glob(".train-*")) == []


def test_what_a_killed_one_left_behind_its_run_goes(made, tmp_path):
    made()
    (tmp_path / ".train-abc").mkdir()
    made()
    assert list(tmp_path.glob(".train-*")) == []


def test_two_at_once(made, tmp_path):
    def meanwhile(folder):
        with pytest.raises(RunError, match="another process is at this training"):
            made()

    _, fresh, _ = made(write=meanwhile)
    assert fresh


def test_one_that_another_process_has_just_finished_is_not_made_again(
    made, tmp_path, monkeypatch
):
    @contextlib.contextmanager
    def lock_that_another_held(lock):
        monkeypatch.undo()
        made()
        yield True

    monkeypatch.setattr(FolderLock, "alone", lock_that_another_held)
    _, fresh, states = made()
    assert (fresh, states) == (False, [])
