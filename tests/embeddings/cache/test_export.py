"""An export holds the rows that fit uses, and its own library alone reads it."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np
import pyarrow.parquet
import pytest

from featx.embeddings.cache import export as exporting
from featx.embeddings.cache.hdf5_stream import hdf5_file
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.embeddings.spec import Spec
from featx.errors import CacheError, RecipeError
from featx.images.layouts.options import DataSettings
from featx.pipeline.cache import run_export
from tests.conftest import FakeExtractor

SUFFIXES = (".h5", ".hdf5", ".npz", ".parquet")


def read_hdf5(path):
    with h5py.File(path) as file:
        texts = {"path", "split", "classes"}
        content = {k: v.asstr()[:] if k in texts else v[:] for k, v in file.items()}
        return {**content, **file.attrs, "specs": json.loads(file.attrs["specs"])}


def read_npz(path):
    with np.load(path, allow_pickle=False) as file:
        content = {k: v if v.ndim else v.item() for k, v in file.items()}
    return {**content, "specs": json.loads(content["specs"])}


def read_parquet(path):
    table = pyarrow.parquet.read_table(path)
    content = json.loads(table.schema.metadata[b"featx"])
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name in {"embedding", "mirrored"}:
            content[name] = column.flatten().to_numpy().reshape(len(table), -1)
        elif name == "digest":
            whole = b"".join(column.to_pylist())
            content[name] = np.frombuffer(whole, np.uint8).reshape(-1, 32)
        else:
            content[name] = np.array(column.to_pylist())
    return content


READ = {
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".npz": read_npz,
    ".parquet": read_parquet,
}


@pytest.fixture
def settings():
    return ExtractSettings(
        backbone="mobilenet-0.25", image_size=32, weights="random", precision="float32"
    )


@pytest.fixture
def fake(monkeypatch):
    """Let extractors be fake ones: the flow around them is what is tested."""

    def find(backbone, *, image_size, **options):
        return sized(FakeExtractor(), image_size)

    monkeypatch.setattr("featx.embeddings.dataset.find_extractor", find)


def sized(extractor, size):
    spec = Spec(**{**extractor.spec.as_dict(), "image_size": size})
    extractor.spec = spec
    return extractor


def export(data, out, wanted, cache_dir, **options):
    return run_export(
        DataSettings(path=data, **options),
        out,
        extract=wanted,
        cache=CacheSettings(folder=cache_dir),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("flip", [False, True])
def test_what_is_written_is_what_fit_uses(
    colours, tmp_path, settings, fake, suffix, flip, monkeypatch
):
    monkeypatch.setattr(exporting, "BLOCK_BYTES", 200)  # several blocks
    shutil.copy(
        colours / "test" / "red" / "001.png", colours / "train" / "red" / "leak.png"
    )
    (colours / "train" / "red" / "bad.jpg").write_text("x")
    sizes = [
        settings.model_copy(update={"image_size": s, "flip": flip}) for s in (8, 9)
    ]
    out = tmp_path / f"out{suffix}"
    embeddings = export(colours, out, sizes, tmp_path / "cache")
    found = READ[suffix](out)
    assert len(embeddings.images) == 36  # neither the leak nor the broken one
    assert found["embedding"].dtype == np.float32
    np.testing.assert_array_equal(found["embedding"], embeddings.X)
    assert found["embedding"].shape == (36, 8)
    assert ("mirrored" in found) is flip
    if flip:
        np.testing.assert_array_equal(found["mirrored"], embeddings.views[:, 1])
    np.testing.assert_array_equal(found["label"], embeddings.images.labels)
    assert list(found["classes"]) == ["blue", "green", "red"]
    assert list(found["path"]) == list(embeddings.images.paths)
    assert np.flatnonzero(found["split"] == "test").tolist() == list(embeddings.test)
    assert set(found["split"]) == {"train", "test"}
    np.testing.assert_array_equal(found["digest"], embeddings.split.keys)
    assert found["specs"] == [spec.as_dict() for spec in embeddings.specs]
    assert found["fingerprint"] == embeddings.split.fingerprint
    assert (found["format"], found["version"]) == ("featx-export", 1)
    assert found["data"] == "data"
    if suffix == ".parquet":
        classes = np.array(found["classes"])[found["label"]]
        assert list(found["class"]) == list(classes)


def test_what_was_extracted_last_is_exported(colours, tmp_path, settings, fake):
    with pytest.raises(RecipeError, match="nothing was extracted"):
        export(colours, tmp_path / "a.npz", [], tmp_path / "cache")
    first = export(colours, tmp_path / "a.npz", [settings], tmp_path / "cache")
    again = export(colours, tmp_path / "b.npz", [], tmp_path / "cache")
    np.testing.assert_array_equal(first.X, again.X)


def test_a_seeded_split(colours, tmp_path, settings, fake):
    options = {"test_size": 0.5, "seed": 3}
    data = colours / "train"
    embeddings = export(
        data, tmp_path / "a.npz", [settings], tmp_path / "cache", **options
    )
    assert len(embeddings.test) == 12
    assert (read_npz(tmp_path / "a.npz")["split"] == "test").sum() == 12


def test_the_same_rows_give_the_same_file(colours, tmp_path, settings, fake):
    for name in "ab":
        for suffix in SUFFIXES:
            export(colours, tmp_path / f"{name}{suffix}", [settings], tmp_path / "c")
        time.sleep(2 if name == "a" else 0)  # formats that keep the time count seconds
    for suffix in SUFFIXES:
        first, second = (tmp_path / f"{name}{suffix}" for name in "ab")
        assert first.read_bytes() == second.read_bytes(), suffix


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_name_that_is_no_utf8_is_spelt_out(colours, tmp_path, settings, fake, suffix):
    odd = os.fsdecode(b"caf\xe9.png")
    image = colours / "train" / "red" / "000.png"
    try:
        image.rename(image.with_name(odd))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    out = tmp_path / f"a{suffix}"
    export(colours, out, [settings], tmp_path / "cache")
    assert "train/red/caf\\udce9.png" in list(READ[suffix](out)["path"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.csv", r"--out .*a.csv: .* use one of .h5, .hdf5, .npz, .parquet"),
        ("a", "unknown suffix"),
        ("folder.h5", "a folder; name a file"),
    ],
)
def test_a_place_that_is_no_use_is_told_before_the_work(tmp_path, name, message):
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(CacheError, match=message):
        export(tmp_path / "none", tmp_path / name, [], tmp_path / "cache")


def test_missing_folders_are_made(colours, tmp_path, settings, fake):
    export(colours, tmp_path / "a" / "b.NPZ", [settings], tmp_path / "cache")
    assert (tmp_path / "a" / "b.NPZ").is_file()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from featx.embeddings.cache.hdf5_stream import hdf5_file

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with hdf5_file(Path(sys.argv[1])) as file:
        file.create_dataset("a", data=np.ones(100_000), chunks=(1000,), fletcher32=True)
        file.create_dataset("b", data=["text"] * 100)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no such limit here")
@pytest.mark.parametrize("limit", [0, 100, 3000, 500_000, 800_000])
def test_hdf5_survives_a_full_disk(tmp_path, limit):
    words = [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.h5"), str(limit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "File too large\n"), done.stderr
    assert done.stderr == ""


def test_what_is_read_back_while_writing_is_right(tmp_path):
    with hdf5_file(tmp_path / "a.h5") as file:
        file.create_dataset("a", data=np.arange(10))
        file.flush()
        assert file["a"][:].tolist() == list(range(10))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["a"][:].tolist() == list(range(10))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_export_leaves_the_old_one(
    colours, tmp_path, settings, fake, suffix, monkeypatch
):
    out = tmp_path / f"a{suffix}"
    export(colours, out, [settings], tmp_path / "cache")
    out.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("featx.atomic.os.fsync", fail)
    with pytest.raises(CacheError, match=r"a\..*: can't write \(No space left on"):
        export(colours, out, [settings], tmp_path / "cache")
    assert out.read_text() == "old"
    assert not list(tmp_path.glob(".aside-*"))
