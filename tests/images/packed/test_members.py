"""What holds of packed data of every kind, beside the folder that it was made of."""

import json
import pickle
import tarfile
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from featx import read_images
from featx.files import open_file
from featx.images.packed.find import data_path, reading_order
from featx.images.packed.members import clean_name
from featx.images.sources import ImageFiles, View
from featx.images.walking import image_files

PATHS = [
    f"{split}/{name}/{number}.png"
    for split in ("train", "test")
    for name in ("cat", "dog")
    for number in range(3)
]


def as_zip(root, place):
    with zipfile.ZipFile(place / "pets.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in root.rglob("*.png"):
            archive.write(path, path.relative_to(root.parent))
    return place / "pets.zip"


def as_tar(root, place, ending=".tar", mode="w"):
    with tarfile.open(place / f"pets{ending}", mode) as archive:
        archive.add(root, root.name)
    return place / f"pets{ending}"


def as_gzip(root, place):
    return as_tar(root, place, ".tgz", "w:gz")


def as_shards(root, place):
    features = {"pet": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    folder = place / "pets" / "data"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        files = sorted((root / split).rglob("*.png"))
        rows = [{"bytes": f.read_bytes(), "path": f.name} for f in files]
        codes = [["cat", "dog"].index(f.parent.name) for f in files]
        table = pa.table({"picture": rows, "pet": codes})
        parquet.write_table(
            table.replace_schema_metadata(metadata),
            folder / f"{split}-00000-of-00001.parquet",
            row_group_size=2,
        )
    return folder.parent


def at_address(root, place):
    memory = fsspec.filesystem("memory")
    for path in root.rglob("*.png"):
        address = f"/{place.name}/pets/{path.relative_to(root).as_posix()}"
        memory.pipe_file(address, path.read_bytes())
    return f"memory://{place.name}/pets"


def zip_at_address(root, place):
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/{place.name}/pets.zip", as_zip(root, place).read_bytes())
    return f"memory://{place.name}/pets.zip"


KINDS = [as_zip, as_tar, as_gzip, as_shards, at_address, zip_at_address]


@pytest.fixture(params=KINDS, ids=lambda pack: pack.__name__)
def packed(request, folder, tmp_path):
    """Return where a folder was packed."""
    folder.add(*PATHS)
    place = tmp_path / "packed"
    place.mkdir()
    return request.param(folder.root, place)


def labelled_contents(images):
    """Count what is read, by label, split and content."""
    keys = [key.tobytes() for key in images.digests.keys]
    labels = [images.classes[code] for code in images.labels]
    return Counter(zip(labels, images.is_test.tolist(), keys, strict=True))


def test_it_is_read_as_the_folder(packed, folder):
    plain, read = read_images(folder.root), read_images(packed)

    assert labelled_contents(read) == labelled_contents(plain)
    assert read.name == "pets"
    assert not read.notes


def test_images_are_shown_as_those_of_the_folder(packed, folder):
    plain, read = read_images(folder.root), read_images(packed)
    view = View(8)

    def shown(images):
        source = ImageFiles(images.files, images.digests)
        rows = range(len(images))
        with ThreadPoolExecutor(4) as pool:
            pixels = list(pool.map(lambda row: source.show(row, [view])[view], rows))
        return {bytes(k): p for k, p in zip(images.digests.keys, pixels, strict=True)}

    expected, found = shown(plain), shown(read)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[key], expected[key]) for key in expected)


def test_paths_can_be_sent_to_another_process(packed):
    images = read_images(packed)
    sent = pickle.loads(pickle.dumps(images.files))

    assert sent == images.files
    with open_file(sent[0]) as one, open_file(images.files[0]) as other:
        assert one.read() == other.read()


def test_its_text_leads_back_to_it(packed):
    images = read_images(packed)
    again = read_images(str(images.root.resolve()))

    assert again.paths == images.paths
    assert str(images.files[0]).startswith(str(packed))


def test_the_order_is_that_of_the_members(packed):
    files = list(image_files(data_path(packed)))
    order = reading_order(files)

    assert sorted(order) == list(range(len(files)))
    names = list(files[0].fs.members.sizes)
    assert [files[row].path for row in order] == [n for n in names if n.endswith("png")]


def test_what_is_not_there_is_missing(packed):
    root = read_images(packed).root

    assert not (root / "nowhere.png").exists()
    with pytest.raises(FileNotFoundError):
        open_file(root / "nowhere.png")
    with pytest.raises(IsADirectoryError):
        open_file(root / "train")


def test_nothing_can_be_written(packed):
    with pytest.raises(OSError, match=r"[Rr]ead-only"):
        (read_images(packed).root / "new.png").write_bytes(b"")


@given(st.text(st.sampled_from("a/."), max_size=8))
def test_names_stay_in_their_folder(name):
    plain = clean_name(name)

    parts = [part for part in name.split("/") if part not in {"", "."}]
    assert plain == (None if ".." in parts or not parts else "/".join(parts))
