"""What the name of data means: a folder, or packed data and a place in it."""

import zipfile
from pathlib import Path

import pytest
from pyarrow import parquet, table

from featx.errors import DataError
from featx.images.packed.find import data_name, data_path, is_packed


@pytest.fixture
def archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("all/cat/1.png", b"x")
    return tmp_path / "pets.zip"


def test_a_folder_is_a_path(tmp_path):
    assert data_path(tmp_path) == tmp_path
    assert data_path("nowhere") == Path("nowhere")
    assert data_path("nowhere.zip") == Path("nowhere.zip")


def test_an_archive_and_a_place_in_it(archive):
    whole, inner = data_path(archive), data_path(archive / "all" / "cat")

    assert is_packed(whole)
    assert str(inner) == f"{archive}/all/cat"
    assert inner.is_dir()
    assert [path.name for path in inner.iterdir()] == ["1.png"]
    assert data_path(inner) is inner


def test_the_name_is_without_the_ending(archive):
    assert data_name(data_path(archive)) == "pets"
    assert data_name(data_path(archive / "all")) == "all"
    assert data_name(archive.parent) == archive.parent.name


def test_a_folder_with_the_name_of_an_archive(tmp_path):
    folder = tmp_path / "photos.zip"
    folder.mkdir()

    assert data_path(folder) == folder


def test_a_relative_path_has_its_whole_one(archive, monkeypatch):
    monkeypatch.chdir(archive.parent)

    assert str(data_path("pets.zip/all").resolve()) == f"{archive}/all"


def test_a_table_beside_class_folders(tmp_path):
    parquet.write_table(table({"x": [1]}), tmp_path / "table.parquet")
    assert is_packed(data_path(tmp_path))

    (tmp_path / "cat").mkdir()
    assert data_path(tmp_path) == tmp_path


def test_an_archive_at_an_address():
    found = data_path("memory://bucket/sets/pets.zip/all")

    assert str(found) == "memory://bucket/sets/pets.zip/all"
    with pytest.raises(DataError, match=r"memory://bucket/sets/pets\.zip"):
        found.is_dir()
