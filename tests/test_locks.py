"""Waiting for a folder that another process has."""

import logging
import threading
import time

import pytest

from featx import locks
from featx.locks import FolderLock, updating


@pytest.mark.parametrize("how", ["shared", "updating"])
def test_who_waits_for_long_says_so(how, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    caplog.set_level(logging.INFO, "featx.locks")
    path = tmp_path / locks.UPDATE_LOCK
    done = threading.Event()

    def work():
        with FolderLock(path).shared() if how == "shared" else updating(tmp_path):
            done.set()

    thread = threading.Thread(target=work)
    with FolderLock(path).alone() as alone:
        assert alone
        thread.start()
        for _ in range(1000):
            if caplog.messages:
                break
            time.sleep(0.01)
        assert not done.is_set()
    thread.join(10)
    assert done.is_set()
    assert caplog.messages == [f"{tmp_path}: in use by another process; waiting"]


def test_who_waits_for_a_moment_says_nothing(tmp_path, caplog):
    caplog.set_level(logging.INFO, "featx.locks")
    path = tmp_path / "lock"
    with FolderLock(path).alone():
        thread = threading.Thread(target=_hold, args=[path])
        thread.start()
    thread.join(10)
    assert not caplog.messages


def _hold(path):
    with FolderLock(path).shared():
        pass
