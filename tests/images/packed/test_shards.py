"""Parquet shards with columns of several kinds."""

import fsspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from featx import read_images
from featx.errors import DataError
from featx.images.packed import shards

IMAGES = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(4)]


@pytest.fixture
def contents(folder):
    """Return the bytes of four cats and four dogs."""
    folder.add(*IMAGES)
    return [(folder.root / path).read_bytes() for path in IMAGES]


@pytest.fixture
def written(tmp_path):
    """Write a shard with some columns, and return its path."""

    def write(name="pets.parquet", **columns):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table(columns), place, row_group_size=3)
        return place

    return write


NAMES = ["cat"] * 4 + ["dog"] * 4


def test_labels_as_text(contents, written):
    read = read_images(written(image=contents, label=NAMES))

    assert read.classes == ("cat", "dog")
    assert len(read) == 8
    assert read.name == "pets"


def test_numbers_without_names(contents, written):
    read = read_images(written(image=contents, label=[3] * 4 + [7] * 4))

    assert read.classes == ("3", "7")


def test_images_keep_the_endings_of_their_names(contents, written):
    rows = [{"bytes": one, "path": f"a/{n}.PNG"} for n, one in enumerate(contents)]
    read = read_images(written(image=rows, label=NAMES))

    assert {path.rpartition(".")[2] for path in read.paths} == {"png"}


def test_images_without_label_are_left_out(contents, written):
    written("shards/train-00000-of-00001.parquet", image=contents, label=NAMES)
    place = written(
        "shards/test-00000-of-00001.parquet", image=contents[:3], label=[-1, -1, -1]
    )
    read = read_images(place.parent)

    assert len(read) == 8
    assert any("no label" in note for note in read.notes)


def test_a_shard_without_images(written):
    place = written(text=["a"], label=["cat"])

    with pytest.raises(DataError, match="no column of images among text, label"):
        read_images(place)


def test_a_shard_without_labels(contents, written):
    place = written(image=contents, caption=NAMES)

    with pytest.raises(DataError, match="no column of labels among image, caption"):
        read_images(place)


def test_classes_that_would_share_a_folder(contents, written):
    place = written(image=contents, label=["a/b"] * 4 + ["a-b"] * 4)

    with pytest.raises(DataError, match="would share a folder"):
        read_images(place)


def test_a_damaged_shard(tmp_path):
    place = tmp_path / "pets.parquet"
    place.write_bytes(b"PAR1 and no more")

    with pytest.raises(DataError, match=r"pets\.parquet: damaged .*download it again"):
        read_images(place)


def test_a_path_without_bytes_is_one_unreadable_image(contents, written):
    rows = [{"bytes": one, "path": None} for one in contents]
    rows[2] = {"bytes": None, "path": "elsewhere.png"}
    read = read_images(written(image=rows, label=NAMES))

    (reason,) = read.digests.unreadable.values()
    assert "only a path" in reason


def test_a_table_beside_class_folders_is_none_of_theirs(folder):
    folder.add(*IMAGES)
    parquet.write_table(pa.table({"x": [1]}), folder.root / "features.parquet")

    assert len(read_images(folder.root)) == 8


def test_a_split_of_shards_can_be_named(contents, written):
    written("shards/train-00000-of-00001.parquet", image=contents, label=NAMES)
    place = written("shards/test-00000-of-00001.parquet", image=contents, label=NAMES)

    read = read_images(place.parent / "train")

    assert len(read) == 8
    assert read.is_test is None


def test_few_row_groups_stay_in_memory(contents, written, monkeypatch):
    monkeypatch.setattr(shards, "KEPT_BYTES", 0)
    read = read_images(written(image=contents, label=NAMES))

    assert not read.digests.unreadable
    assert len(read.files[0].fs.members._kept) == 2


def test_metadata_that_is_none_of_hugging_faces(contents, tmp_path):
    table = pa.table({"image": contents, "label": NAMES})
    table = table.replace_schema_metadata({"huggingface": "no JSON"})
    parquet.write_table(table, tmp_path / "pets.parquet")

    assert read_images(tmp_path / "pets.parquet").classes == ("cat", "dog")


def test_shards_at_an_address(contents, written, tmp_path):
    place = written(image=contents, label=NAMES)
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/{tmp_path.name}/data/train-0.parquet", place.read_bytes())

    assert len(read_images(f"memory://{tmp_path.name}")) == 8


def test_a_shard_that_is_damaged_later(contents, written):
    place = written(image=contents, label=NAMES)
    read = read_images(place)
    content = bytearray(place.read_bytes())
    content[:-200] = bytes(len(content) - 200)
    place.write_bytes(content)

    reasons = set(read.digests.unreadable.values())

    assert reasons
    assert all("damaged in the shard" in reason for reason in reasons)
