"""What was extracted last is remembered for each data folder."""

from featx.embeddings.cache.last_extracted import recall, remember


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


def test_a_broken_or_unwritable_memory_stops_nothing(tmp_path):
    remember(tmp_path / "missing", tmp_path, [{"backbone": "x"}])
    assert recall(tmp_path / "missing", tmp_path) == []
    for content in ("{", "[]"):
        (tmp_path / "last-extracted.json").write_text(content)
        assert recall(tmp_path, tmp_path) == []
