"""Arrays in memory or in a nameless file."""

import errno
import subprocess
import sys

import numpy as np
import pytest

from featx import scratch
from featx.errors import RunError
from featx.scratch import EMBEDDINGS, allocate, folder_for_scratch


@pytest.mark.parametrize("memory", [0, 10**6])
def test_zeros_of_the_shape(tmp_path, memory):
    found = allocate((3, 4), np.float32, tmp_path, EMBEDDINGS, memory=memory)
    assert isinstance(found, np.memmap) == (memory == 0)
    assert (found.shape, found.dtype) == ((3, 4), np.float32)
    assert not found.any()
    found[1] = 5
    assert found.sum() == 20
    assert list(tmp_path.iterdir()) == []


def test_no_room(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scratch.os, "posix_fallocate", full)
    message = rf"{tmp_path}: no room for 4\.0 GB of embeddings \(No space .* TMPDIR"
    with pytest.raises(RunError, match=message):
        allocate((1000, 10**6), np.float32, tmp_path, EMBEDDINGS, memory=0)


def test_only_folders_that_can_be_written_to(tmp_path):
    from upath import UPath

    assert folder_for_scratch(tmp_path) == tmp_path
    assert folder_for_scratch(tmp_path / "none") is None
    assert folder_for_scratch(UPath("memory://x")) is None


def test_a_kill_leaves_nothing(tmp_path):
    code = (
        "import os, sys, pathlib, featx.scratch as s\n"
        "s.allocate((9, 9), 'u1', pathlib.Path(sys.argv[1]), s.PIXELS, memory=0)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert list(tmp_path.iterdir()) == []
