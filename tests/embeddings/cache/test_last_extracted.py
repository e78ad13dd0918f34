"""What was extracted last is remembered for each data folder."""

import json

import pytest

from featx.embeddings.cache.last_extracted import (
    forget_missing,
    recall,
    register,
    remember,
    remembered,
)
from featx.errors import CacheError
from tests.conftest import run_at_once


def test_each_folder_has_its_own(tmp_path):
    (tmp_path / "cache").mkdir()
    remember(tmp_path / "cache", tmp_path / "a", [{"backbone": "x"}])
    remember(tmp_path / "cache", tmp_path / "b", [{"backbone": "y"}])
    remember(tmp_path / "cache", tmp_path / "a", [{"backbone": "z"}])
    assert recall(tmp_path / "cache", tmp_path / "c" / ".." / "a") == [
        {"backbone": "z"}
    ]
    assert recall(tmp_path / "cache", tmp_path / "b") == [{"backbone": "y"}]
    assert recall(tmp_path / "cache", tmp_path / "c") == []


def test_a_folder_is_known_before_its_extraction_ends(tmp_path):
    register(tmp_path / "cache", tmp_path / "a")
    assert remembered(tmp_path / "cache") == [tmp_path / "a"]
    assert recall(tmp_path / "cache", tmp_path / "a") == []
    remember(tmp_path / "cache", tmp_path / "a", [{"backbone": "x"}])
    register(tmp_path / "cache", tmp_path / "a")
    assert recall(tmp_path / "cache", tmp_path / "a") == [{"backbone": "x"}]


def test_a_broken_or_unwritable_memory_stops_nothing(tmp_path):
    remember(tmp_path / "missing", tmp_path, [{"backbone": "x"}])
    assert recall(tmp_path / "missing", tmp_path) == []
    for content in ("{", "[]"):
        (tmp_path / "last-extracted.json").write_text(content)
        assert recall(tmp_path, tmp_path) == []


def test_folders_that_were_lost_are_not_taken_for_unused(tmp_path):
    (tmp_path / "last-extracted.json").write_text("{")
    for _ in range(2):  # damaged, and once something was remembered since
        with pytest.raises(CacheError, match="name all of them"):
            remembered(tmp_path)
        remember(tmp_path, tmp_path, [{"backbone": "x"}])
    assert recall(tmp_path, tmp_path) == [{"backbone": "x"}]
    remember(tmp_path, tmp_path / "gone", [])
    (tmp_path / "a").mkdir()
    forget_missing(tmp_path, [tmp_path / "a"])
    assert remembered(tmp_path) == [tmp_path / "a", tmp_path]
    forget_missing(tmp_path, [tmp_path])
    assert remembered(tmp_path) == [tmp_path / "a", tmp_path]


WRITER = """
import sys
from pathlib import Path
from featx.embeddings.cache.last_extracted import register, remember
root, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
for number in range(25):
    data = root / f"{name}-{number}"
    register(root, data)
    remember(root, data, [{"backbone": name}])
"""


def test_what_four_processes_write_at_once_is_all_there(tmp_path):
    run_at_once(WRITER, tmp_path, "abcd")
    content = json.loads((tmp_path / "last-extracted.json").read_text())
    assert len(content) == len(remembered(tmp_path)) == 100
    assert all(content[f"{tmp_path}/{name}-7"] == [{"backbone": name}] for name in "ab")
    assert not list(tmp_path.glob(".aside-*"))
