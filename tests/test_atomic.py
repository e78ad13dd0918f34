"""Files are there whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from featx.atomic import (
    ASIDE,
    atomic_file,
    atomic_folder,
    remove_leftovers,
    sync_folder,
    write_atomically,
)
from tests.conftest import mounted_disk


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def test_write_and_overwrite(tmp_path):
    file = tmp_path / "a.json"
    for content in (b"first", b"", b"second" * 1000):
        write_atomically(file, content)
        assert file.read_bytes() == content
    assert names_in(tmp_path) == ["a.json"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_mode_follows_the_umask(tmp_path, umask):
    file = tmp_path / "a.json"
    before = os.umask(umask)
    try:
        write_atomically(file, b"x")
        after = os.umask(umask)
    finally:
        os.umask(before)
    assert after == umask
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask


def test_failed_rename_leaves_all_as_it_was(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "a.json", b"x")
    assert names_in(tmp_path) == ["a.json"]


@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_failure_names_what_is_wanted(write, tmp_path):
    wanted = tmp_path / "none" / "a.json"
    with pytest.raises(FileNotFoundError) as caught, write(wanted):
        pass
    assert caught.value.filename == str(wanted)


def test_failure_names_the_file_in_the_folder(tmp_path):
    wanted = tmp_path / "a"
    with pytest.raises(FileNotFoundError) as caught, atomic_folder(wanted) as aside:
        (aside / "b" / "c.png").write_bytes(b"x")
    assert caught.value.filename == str(wanted / "b" / "c.png")


def test_full_disk_names_the_file(tmp_path):
    with mounted_disk(tmp_path / "disk", "64k") as disk:
        with pytest.raises(OSError, match="No space") as caught:
            write_atomically(disk / "a.json", bytes(1 << 20))
        assert caught.value.filename == str(disk / "a.json")
        assert names_in(disk) == []


def test_failed_write_leaves_the_old_content(tmp_path):
    file = tmp_path / "a.json"
    write_atomically(file, b"old")
    with pytest.raises(TypeError):
        write_atomically(file, "text")
    assert file.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.json"]


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "no" / "a.json", b"x")


def test_sync_folder_asks_for_nothing(tmp_path):
    sync_folder(tmp_path)
    sync_folder(tmp_path / "missing")


WRITER = """
import sys
from pathlib import Path
from featx.atomic import write_atomically
for i in range(10**9):
    write_atomically(Path(sys.argv[1]), bytes([i % 256]) * 100_000)
"""


def test_a_kill_leaves_a_whole_file(tmp_path):
    file = tmp_path / "a.bin"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(file)]) as writer:
        deadline = time.monotonic() + 20
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        for _ in range(50):
            content = file.read_bytes()
            assert len(content) == 100_000
            assert len(set(content)) == 1
        writer.send_signal(signal.SIGKILL)
    content = file.read_bytes()
    assert len(content) == 100_000
    assert len(set(content)) == 1
    others = set(names_in(tmp_path)) - {"a.bin"}
    assert all(name.startswith(ASIDE) for name in others)


def test_what_a_library_writes_is_there_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.bin"
    with atomic_file(file) as aside:
        aside.write_bytes(b"half")
        assert not file.exists()
        aside.write_bytes(b"whole")
    assert file.read_bytes() == b"whole"
    with pytest.raises(TypeError), atomic_file(file) as aside:
        aside.write_bytes("text")
    assert file.read_bytes() == b"whole"
    assert names_in(tmp_path) == ["a.bin"]


def test_a_folder_takes_the_place_of_another(tmp_path):
    folder = tmp_path / "model"
    for content in ("first", "second"):
        with atomic_folder(folder) as aside:
            (aside / "deep").mkdir()
            (aside / "deep" / "a.txt").write_text(content)
        assert (folder / "deep" / "a.txt").read_text() == content
    with pytest.raises(TypeError, match="bytes"), atomic_folder(folder) as aside:
        (aside / "b.txt").write_bytes("third")
    assert names_in(tmp_path) == ["model"]
    assert names_in(folder) == ["deep"]


def test_a_folder_that_cant_be_renamed_leaves_the_old_one(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.txt").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_folder(folder) as aside:
        aside.rmdir()
    assert (folder / "a.txt").read_text() == "old"
    assert names_in(tmp_path) == ["model"]


def test_leftovers_of_killed_writers_go_and_nothing_else(tmp_path):
    (tmp_path / f"{ASIDE}file").touch()
    (tmp_path / f"{ASIDE}folder").mkdir()
    (tmp_path / f"{ASIDE}folder" / "inside").touch()
    (tmp_path / "kept").touch()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
