"""Files are known by their content; what can't be read gets a reason."""

import hashlib
import os

import numpy as np
import pytest

from featx.images.digests import digest_files

AS_ROOT = not hasattr(os, "geteuid") or os.geteuid() == 0


def test_digests_are_sha256(tmp_path):
    files = []
    for i in range(300):
        files.append(tmp_path / f"{i}.png")
        files[-1].write_bytes(b"x" * i)
    digests = digest_files(files)
    assert digests.keys.dtype == np.uint8
    assert digests.keys.shape == (300, 32)
    for i, key in enumerate(digests.keys):
        assert bytes(key) == hashlib.sha256(b"x" * i).digest()
    assert not digests.unreadable


def test_no_files():
    assert digest_files([]).keys.shape == (0, 32)


def test_unreadable_files(tmp_path):
    good = tmp_path / "good.png"
    good.write_bytes(b"good")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "broken.png").symlink_to("nowhere")
    (tmp_path / "loop.png").symlink_to("loop.png")
    names = ["folder.png", "good.png", "broken.png", "missing.png", "loop.png"]
    digests = digest_files([tmp_path / name for name in names])
    assert digests.unreadable == {
        0: "is a directory; remove it",
        2: "broken link; fix it",
        3: "no such file any more",
        4: "too many levels of symbolic links; fix the link",
    }
    assert not digests.keys[[0, 2, 3, 4]].any()
    assert bytes(digests.keys[1]) == hashlib.sha256(b"good").digest()


@pytest.mark.skipif(AS_ROOT, reason="root may read everything")
def test_file_without_permission(tmp_path):
    file = tmp_path / "secret.png"
    file.write_bytes(b"x")
    file.chmod(0)
    assert digest_files([file]).unreadable == {0: "permission denied; make it readable"}
