"""Memos are read back; what is damaged or can't be written counts as nothing."""

import pytest

from featx.embeddings.memo import is_damaged, read_memo, update_memo


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "memo.json"
    content = {"a": [1], "caf\udce9": None}  # the name of a file may be anything
    update_memo(path, lambda _: content)
    assert read_memo(path) == content


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_memo_is_empty(content, tmp_path):
    path = tmp_path / "memo.json"
    path.write_bytes(content)
    assert read_memo(path) == {}


def test_a_missing_folder_is_no_error(tmp_path):
    update_memo(tmp_path / "missing" / "memo.json", lambda _: {"a": 1})
    assert read_memo(tmp_path / "missing" / "memo.json") == {}
    assert list(tmp_path.iterdir()) == []


def test_what_is_damaged_is_kept_aside(tmp_path):
    path = tmp_path / "memo.json"
    update_memo(path, lambda known: {**known, "a": 1})
    assert not is_damaged(path)
    path.write_text('{"a": 1')
    assert is_damaged(path)
    update_memo(path, lambda known: {**known, "b": 2})
    assert read_memo(path) == {"b": 2}
    assert (tmp_path / "damaged-memo.json").read_text() == '{"a": 1'
    assert is_damaged(path)
