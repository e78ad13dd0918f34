"""A page is there whole, or the old one stands."""

from pathlib import Path

import pytest

from featx.errors import RunError
from featx.reports.writing import replace_file


def test_a_folder_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(
        RunError, match=r"can't write the report \(No such file"
    ) as info:
        replace_file(tmp_path / "gone" / "index.html", b"")
    assert "\n" not in str(info.value)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "index.html"
    target.write_bytes(b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="No space left"):
        replace_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]
