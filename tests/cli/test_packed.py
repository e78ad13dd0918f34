"""Data in archives and at addresses, and caches at addresses, as a user has them."""

import json
import shutil

import fsspec
import pytest

from featx.images.packed.find import data_path
from featx.reports.pictures import thumbnail
from tests.conftest import make_colours

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", "32", "--weights", "random")


@pytest.fixture
def packed(work, monkeypatch):
    """A folder to work in, with the data in an archive only."""
    shutil.make_archive("colours", "zip", ".", "data")
    shutil.rmtree("data")
    monkeypatch.setenv("XDG_CACHE_HOME", str(work / "own"))
    return work


@pytest.fixture
def bucket(tmp_path_factory, monkeypatch):
    """The address of a bucket with the data, on an S3 server of this machine."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
    ):
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    store.mkdir("bucket")
    data = make_colours(tmp_path_factory.mktemp("s3") / "data", size=(40, 40))
    store.put(str(data), "bucket/photos", recursive=True)
    yield "s3://bucket"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()


def ended(done):
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.slow
def test_from_an_archive_to_predictions(run, packed):
    ended(run("fit", "colours.zip", "--head", "lda", *BACKBONE))
    ended(run("report"))
    name = "data-mobilenet-0.25-random-lda"
    found = json.loads(ended(run("predict", name, "colours.zip/data/test", "--json")))
    again = json.loads(ended(run("extract", "colours.zip", *BACKBONE, "--json")))
    pruned = ended(run("cache", "prune"))

    picture = thumbnail(data_path("colours.zip/data"), "test/red/000.png")
    assert picture.startswith("data:image/jpeg")
    assert len(found) == 12
    assert found[0]["path"].startswith("colours.zip/data/test/")
    assert again["embeddings"][0]["cached"] == again["images"] == 36
    assert "36" in pruned


@pytest.mark.slow
def test_data_and_cache_in_object_storage(run, bucket, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    data, cache = f"{bucket}/photos", ("--cache-dir", f"{bucket}/cache")
    first = json.loads(ended(run("extract", data, *BACKBONE, *cache, "--json")))
    again = json.loads(ended(run("extract", data, *BACKBONE, *cache, "--json")))
    ended(run("fit", data, "--head", "lda", *cache))
    listed = json.loads(ended(run("cache", "list", *cache, "--json")))
    name = "photos-mobilenet-0.25-random-lda"
    found = json.loads(
        ended(run("predict", name, f"{data}/test/red", *cache, "--json"))
    )

    assert first["embeddings"][0]["computed"] == 36
    assert again["embeddings"][0]["cached"] == 36
    assert listed[0]["rows"] == 36
    assert {one["path"] for one in found} == {
        f"{data}/test/red/00{number}.png" for number in range(4)
    }
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("colours.rar",), "colours.rar: is a file, not a folder"),
        (("nope://x",), "nope://x: no protocol 'nope'; use s3, gs, https"),
        (("memory://nowhere",), "memory://nowhere: no such folder, or nothing in it"),
        (("data", "--cache-dir", "nope://x"), "nope://x: no protocol 'nope'"),
        (("data", "--ray", "data"), "--ray data: no address like 10.0.0.1:6379"),
    ],
)
def test_what_cannot_be_reached_is_an_error_of_one_line(run, work, words, message):
    (work / "colours.rar").write_bytes(b"Rar!")
    done = run("extract", *words)

    assert done.exit_code == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
