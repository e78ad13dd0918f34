"""Archives that are damaged, or packed in ways of their own."""

import io
import tarfile
import zipfile

import pytest

from featx import read_images
from featx.errors import DataError, ImageError
from featx.images.sources import ImageFiles, View

IMAGES = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(4)]


@pytest.fixture
def images(folder):
    """Return the bytes of some images by their paths in class folders."""
    folder.add(*IMAGES)
    return {path: (folder.root / path).read_bytes() for path in IMAGES}


def zipped(place, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(place, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return place


def tarred(place, contents, mode="w"):
    with tarfile.open(place, mode) as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return place


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_what_systems_add_is_left_out(images, tmp_path, pack):
    extra = {
        "__MACOSX/cat/._0.png": b"x",
        "cat/.DS_Store": b"x",
        "../outside.png": b"x",
        "notes.txt": b"x",
    }
    suffix = {zipped: ".zip", tarred: ".tar"}[pack]
    read = read_images(pack(tmp_path / f"pets{suffix}", {**images, **extra}))

    assert sorted(read.paths) == sorted(images)


def test_a_folder_in_an_archive_can_be_named(images, tmp_path):
    contents = {f"all/pets/{name}": content for name, content in images.items()}
    contents |= {f"all/other/{name}": content for name, content in images.items()}
    place = zipped(tmp_path / "photos.zip", contents)

    read = read_images(place / "all" / "pets")

    assert sorted(read.paths) == sorted(images)
    assert read.name == "pets"


def test_labels_may_lie_in_the_archive(images, tmp_path):
    contents = {f"images/{n}.png": c for n, c in enumerate(images.values())}
    lines = [f"{n},{'cat' if n < 4 else 'dog'}" for n in range(8)]
    contents["labels.csv"] = "\n".join(["id,label", *lines]).encode()

    read = read_images(zipped(tmp_path / "pets.zip", contents))

    assert read.layout == "labels in labels.csv"
    assert len(read) == 8


def test_hard_links_are_files(images, tmp_path):
    place = tarred(tmp_path / "pets.tar", images)
    with tarfile.open(place, "a") as archive:
        link = tarfile.TarInfo("cat/again.png")
        link.type, link.linkname = tarfile.LNKTYPE, "cat/0.png"
        archive.addfile(link)
    read = read_images(place)
    keys = dict(zip(read.paths, map(bytes, read.digests.keys), strict=True))

    assert keys["cat/again.png"] == keys["cat/0.png"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("pets.zip", b"no archive", "damaged .*download it again"),
        ("pets.tar", b"no archive", "damaged .*download it again"),
        ("pets.tgz", b"\x1f\x8bno archive", "damaged .*download it again"),
        ("pets.tar.xz", b"\xfd7zXZ\0", "compressed by xz.*unpack it"),
        ("pets.tar.bz2", b"BZh9", "compressed by bzip2.*unpack it"),
        ("pets.tar.zst", b"\x28\xb5\x2f\xfd", "compressed by zstd.*unpack it"),
    ],
)
def test_an_archive_that_cannot_be_read(tmp_path, name, content, message):
    place = tmp_path / name
    place.write_bytes(content)

    with pytest.raises(DataError, match=f"{name}: .*{message}"):
        read_images(place)


def test_an_encrypted_archive(images, tmp_path):
    place = zipped(tmp_path / "pets.zip", images)
    content = bytearray(place.read_bytes())
    start = content.index(b"PK\x01\x02")  # the first entry of the directory
    content[start + 8] |= 1
    place.write_bytes(content)

    with pytest.raises(DataError, match="encrypted"):
        read_images(place)


def test_one_damaged_file_does_not_keep_the_others(images, tmp_path):
    place = zipped(tmp_path / "pets.zip", images)
    content = place.read_bytes()
    inside = content.index(images["cat/1.png"]) + 20
    damaged = content[:inside] + bytes([content[inside] ^ 1]) + content[inside + 1 :]
    place.write_bytes(damaged)

    read = read_images(place)

    assert [read.paths[row] for row in read.digests.unreadable] == ["cat/1.png"]
    (reason,) = read.digests.unreadable.values()
    assert "damaged in the archive" in reason


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_one_damaged_file_however_it_is_compressed(images, tmp_path, compression):
    place = zipped(tmp_path / "pets.zip", images, compression)
    with zipfile.ZipFile(place) as archive:
        start = archive.getinfo("cat/1.png").header_offset
        end = archive.getinfo("cat/2.png").header_offset
    content = bytearray(place.read_bytes())
    content[start + 60 : end - 10] = bytes(end - start - 70)
    place.write_bytes(content)

    read = read_images(place)

    assert [read.paths[row] for row in read.digests.unreadable] == ["cat/1.png"]


def test_an_archive_that_changes_meanwhile(images, tmp_path):
    place = tarred(tmp_path / "pets.tar", images)
    read = read_images(place)
    source = ImageFiles(read.files, read.digests)
    start = place.read_bytes().index(images["cat/0.png"])
    with place.open("r+b") as stream:
        stream.seek(start + 60)
        stream.write(b"????")

    with pytest.raises(ImageError, match="changed while it was read"):
        source.show(read.paths.index("cat/0.png"), [View(8)])


def test_links_are_followed_within_a_tar(images, tmp_path):
    place = tmp_path / "pets.tar"
    with tarfile.open(place, "w") as archive:
        for name, kind, target in (
            ("cat/later.png", tarfile.LNKTYPE, "cat/0.png"),
            ("dog/linked.png", tarfile.SYMTYPE, "../dog/0.png"),
            ("dog/lost.png", tarfile.SYMTYPE, "../../outside.png"),
        ):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            archive.addfile(link)
        for name, content in images.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    read = read_images(place)
    keys = dict(zip(read.paths, map(bytes, read.digests.keys), strict=True))

    assert keys["cat/later.png"] == keys["cat/0.png"]
    assert keys["dog/linked.png"] == keys["dog/0.png"]
    assert "dog/lost.png" not in keys
    assert read.notes == ("1 link or sparse file that can't be read, left out",)


@pytest.mark.parametrize("damage", ["cut", "cut inside", "flipped"])
def test_a_tar_whose_later_header_is_damaged(images, tmp_path, damage):
    place = tarred(tmp_path / "pets.tar", images)
    with tarfile.open(place) as archive:
        start = archive.getmembers()[5].offset
    content = bytearray(place.read_bytes())
    if damage == "flipped":
        content[start + 100] ^= 255
    else:
        del content[start + (200 if damage == "cut inside" else 0) :]
    place.write_bytes(content)

    with pytest.raises(DataError, match=r"damaged .*download it again"):
        read_images(place)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_lead_elsewhere_or_occur_twice_are_noted(images, tmp_path, pack):
    suffix = {zipped: ".zip", tarred: ".tar"}[pack]
    extra = {"/cat/0.png": images["dog/0.png"], "a/../eel/0.png": images["cat/1.png"]}
    read = read_images(pack(tmp_path / f"pets{suffix}", {**images, **extra}))

    assert read.notes[:2] == (
        "1 file whose name leads out of the archive by .., left out",
        "1 name is in the archive twice; the last file counts",
    )


def test_separators_of_windows(images, tmp_path):
    contents = {name.replace("/", "\\"): content for name, content in images.items()}

    assert read_images(zipped(tmp_path / "pets.zip", contents)).classes == (
        "cat",
        "dog",
    )


def test_the_content_says_what_an_archive_is(images, tmp_path):
    assert len(read_images(tarred(tmp_path / "pets.zip", images))) == len(images)
    assert len(read_images(zipped(tmp_path / "pets.tgz", images))) == len(images)


def test_an_archive_that_is_empty_or_missing(tmp_path):
    (tmp_path / "empty.zip").touch()

    with pytest.raises(DataError, match=r"empty\.zip: is empty"):
        read_images(tmp_path / "empty.zip")
    with pytest.raises(
        DataError, match=r"missing\.zip: no such file; name the archive"
    ):
        read_images(tmp_path / "missing.zip")


def test_the_way_back_in_an_archive(images, tmp_path):
    place = zipped(tmp_path / "pets.zip", {f"all/{n}": c for n, c in images.items()})

    assert len(read_images(place / "all" / "cat" / "..")) == len(images)
