"""Reading files that somebody else may have put there."""

import os

import pytest

from featx.files import open_file, open_text, read_json


@pytest.mark.parametrize("read", [open_file, open_text, read_json])
def test_a_named_pipe_is_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file") as caught:
        read(tmp_path / "pipe")
    assert caught.value.filename == str(tmp_path / "pipe")


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "", "\ufeff{}"])
def test_what_is_no_json_is_a_value_error(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"\w"):
        read_json(tmp_path / "a.json")


def test_json_and_text_are_read(tmp_path):
    (tmp_path / "a.json").write_bytes('["é"]\r\n'.encode())
    assert read_json(tmp_path / "a.json") == ["é"]
    with open_text(tmp_path / "a.json") as stream:
        assert stream.read() == '["é"]\r\n'
