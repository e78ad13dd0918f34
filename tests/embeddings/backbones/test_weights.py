"""Weights are found, fetched, told apart, and asked for in one clear line."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from featx.embeddings.backbones import table
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.backbones.weights import Weights, fetch_weights, resolve_weights
from featx.errors import WeightsError
from featx.frameworks import import_keras
from featx.keras_backend import keras_home
from tests.conftest import read_only

BACKBONE = find_backbone("mobilenet-0.25")
CONTENT = b"some weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    monkeypatch.setenv("KERAS_HOME", str(folder))
    return folder


@pytest.fixture
def weights_file(home):
    path = home / "models" / BACKBONE.weights_file
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def no_fetch(url, target, expected):
    raise AssertionError("nothing is to be fetched")


def test_file_that_is_there_is_not_fetched(weights_file):
    found = resolve_weights(BACKBONE, "imagenet", fetch=no_fetch)
    assert found == Weights("imagenet", weights_file, SHA256, None)


def test_random_weights_have_a_seed_only():
    found = resolve_weights(BACKBONE, "random", seed=3, fetch=no_fetch)
    assert found == Weights("random", None, None, 3)


def test_users_file_is_taken_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "mine.weights.h5"
    path.write_bytes(CONTENT)
    monkeypatch.chdir(tmp_path)
    found = resolve_weights(BACKBONE, "mine.weights.h5", fetch=no_fetch)
    assert found == Weights("file", path, SHA256, None)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("gone.h5", "gone.h5 is missing; give 'imagenet', 'random' or the path of"),
        ("imagnet", "imagnet is missing; did you mean 'imagenet'?"),
        (".", "is not a file; give 'imagenet', 'random' or the path of a file"),
    ],
)
def test_users_file_that_is_not_there(weights, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError) as error:
        resolve_weights(BACKBONE, weights, fetch=no_fetch)
    assert message in str(error.value)


def test_absent_file_is_fetched(home):
    calls = []

    def fetch(url, target, expected):
        calls.append((url, target, expected))
        target.parent.mkdir(parents=True)
        target.write_bytes(CONTENT)

    found = resolve_weights(BACKBONE, "imagenet", fetch=fetch)
    path = home / "models" / BACKBONE.weights_file
    assert found == Weights("imagenet", path, SHA256, None)
    assert calls == [(BACKBONE.weights_url, path, None)]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Exception("URL fetch failure on https://x: None -- no route\nat all"), "no r"),
        (TimeoutError("timed out"), "(timed out)"),
        (OSError(), "(OSError)"),
        (None, "(the download left no file)"),
    ],
)
def test_file_that_cannot_be_fetched_is_asked_for(failure, reason, home):
    def fetch(url, target, expected):
        if failure:
            raise failure

    with pytest.raises(WeightsError) as error:
        resolve_weights(BACKBONE, "imagenet", fetch=fetch)
    message = str(error.value)
    assert "\n" not in message
    for part in (
        "mobilenet-0.25",
        reason,
        BACKBONE.weights_file,
        BACKBONE.weights_url,
        str(home / "models"),
    ):
        assert part in message


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_file_that_keras_did_not_publish_is_refused(algorithm, weights_file):
    right = hashlib.new(algorithm, CONTENT).hexdigest()
    row = replace(BACKBONE, weights_hash=right)
    assert resolve_weights(row, "imagenet", fetch=no_fetch).sha256 == SHA256
    weights_file.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="is not the published file of mobilenet"):
        resolve_weights(row, "imagenet", fetch=no_fetch)


def test_digest_is_remembered_by_path_size_and_time(weights_file, tmp_path):
    memo = tmp_path / "cache" / "weights.json"

    def digest():
        return resolve_weights(BACKBONE, "imagenet", memo=memo, fetch=no_fetch).sha256

    assert digest() == SHA256
    entries = json.loads(memo.read_text())
    assert list(entries) == [str(weights_file)]
    entries[str(weights_file)]["sha256"] = "remembered"
    memo.write_text(json.dumps(entries))
    assert digest() == "remembered"
    os.utime(weights_file, ns=(1, 1))
    assert digest() == SHA256
    assert [path.name for path in memo.parent.iterdir()] == ["weights.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', "\udcff"])
def test_broken_memo_is_ignored(content, weights_file, tmp_path):
    memo = tmp_path / "weights.json"
    memo.write_bytes(content.encode("utf-8", "surrogateescape"))
    found = resolve_weights(BACKBONE, "imagenet", memo=memo, fetch=no_fetch)
    assert found.sha256 == SHA256
    assert str(weights_file) in json.loads(memo.read_text())


def test_unwritable_memo_is_ignored(weights_file, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    (tmp_path / "folder").mkdir()
    for memo in (blocked / "weights.json", tmp_path / "folder"):
        found = resolve_weights(BACKBONE, "imagenet", memo=memo, fetch=no_fetch)
        assert found.sha256 == SHA256
    assert sorted(x.name for x in tmp_path.iterdir()) == ["file", "folder", "home"]


def test_file_that_cannot_be_read(weights_file, monkeypatch):
    def refuse(path, *args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WeightsError, match=r"can't be read \(Permission denied\)"):
        resolve_weights(BACKBONE, "imagenet", fetch=no_fetch)


def test_home_is_keras_own(monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "~/somewhere")
    assert keras_home() == Path.home() / "somewhere"
    monkeypatch.delenv("KERAS_HOME")
    assert keras_home() == Path.home() / ".keras"


def test_keras_fetches_aside_and_quietly(tmp_path, capsys):
    # A file:// URL takes the way of a download without a network.
    import_keras()
    source = tmp_path / "published.h5"
    source.write_bytes(CONTENT)
    target = tmp_path / "home" / "models" / "weights.h5"
    before = socket.getdefaulttimeout()
    fetch_weights(source.as_uri(), target, hashlib.md5(CONTENT).hexdigest())
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["weights.h5"]
    assert socket.getdefaulttimeout() == before
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Downloading" in printed.err


def test_dead_address_is_told_in_one_line(home, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "STORAGE", tmp_path.as_uri())
    with pytest.raises(WeightsError) as error:
        resolve_weights(BACKBONE, "imagenet")
    assert "No such file" in str(error.value)
    assert "\n" not in str(error.value)
    assert list((home / "models").iterdir()) == []


def test_folder_that_cannot_be_written_is_told(open_folder, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(open_folder))
    (open_folder / "models").mkdir()
    with (
        read_only(open_folder),
        pytest.raises(WeightsError, match=r"fetched \(.*Permission denied"),
    ):
        resolve_weights(BACKBONE, "imagenet")


def test_no_framework_is_imported_for_a_file_that_is_there(weights_file):
    script = (
        "import sys\n"
        "from featx.embeddings.backbones.table import find_backbone\n"
        "from featx.embeddings.backbones.weights import resolve_weights\n"
        "print(resolve_weights(find_backbone('mobilenet-0.25'), 'imagenet').sha256)\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == [SHA256, "set()"]
