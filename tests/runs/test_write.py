"""Each run is made once, by one process, and never left half written."""

import contextlib
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import portalocker
import pytest

from featx.errors import RunError
from featx.progress import Progress
from featx.runs.info import Kind
from featx.runs.read import list_runs
from featx.runs.write import WAITING, drawing, find_fitted, make_run, write_run
from tests.conftest import mounted_disk, read_only
from tests.heads.blobs import tiny_head
from tests.runs.conftest import one_line


class Reported(Progress):
    """Keeps whether the run was made now."""

    def run(self, name, path, *, fresh):
        self.fresh = fresh


@pytest.fixture
def made(tmp_path, make_contents):
    """Make a run; return it, whether it was made now, and the states it began at."""

    def make(reports_dir=tmp_path, write=lambda folder: None):
        states = []

        def contents_of(folder):
            states.append(sorted(path.name for path in folder.iterdir()))
            write(folder)
            return make_contents(fingerprint="abc")

        progress = Reported()
        run = make_run(reports_dir, Kind.NETWORK, "abc", contents_of, progress=progress)
        return run, progress.fresh, states

    return make


def test_a_run_is_made_once(made, tmp_path):
    run, fresh, states = made()
    assert fresh
    assert states == [[".lock"]]
    again, fresh, states = made()
    assert (again.path, fresh, states) == (run.path, False, [])
    assert list(tmp_path.glob(".train-*")) == []


def test_the_state_lasts_until_the_run_is_written(made, tmp_path):
    def interrupted(folder):
        (folder / "weights").write_text("1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(write=interrupted)
    _, fresh, states = made()
    assert fresh
    assert states == [[".lock", "weights"]]
    assert list(tmp_path.glob(".train-*")) == []


def test_what_a_killed_one_left_behind_its_run_goes(made, tmp_path):
    made()
    (tmp_path / ".train-abc").mkdir()
    made()
    assert list(tmp_path.glob(".train-*")) == []


SCRIPT = """
import sys, time
from pathlib import Path
from featx.progress import Progress
from featx.runs.info import Kind
from featx.runs.write import make_run
from tests.runs.conftest import contents

class Said(Progress):
    def note(self, line):
        print(line, flush=True)

    def run(self, name, path, *, fresh):
        print(path.name, fresh, flush=True)

def make(state):
    print("making", flush=True)
    sys.stdin.readline()
    return contents(fingerprint="abc")

make_run(Path(sys.argv[1]), Kind.HEAD, "abc", make, progress=Said())
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process that makes a run, once told to."""
    with contextlib.ExitStack() as stack:

        def begin():
            process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, tmp_path / "reports"],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


def test_two_processes_give_one_run(start, tmp_path):
    first = start()
    assert first.stdout.readline() == "making\n"
    second = start()
    assert second.stdout.readline() == f"{WAITING}\n"
    said, _ = first.communicate("go\n")
    assert said == "pets-resnet50-svm True\n"
    said, _ = second.communicate()
    assert said == "pets-resnet50-svm False\n"
    assert [run.name for run in list_runs(tmp_path / "reports")] == [
        "pets-resnet50-svm"
    ]


def test_one_who_waited_makes_the_run_if_the_other_failed(start, tmp_path):
    first = start()
    assert first.stdout.readline() == "making\n"
    second = start()
    assert second.stdout.readline() == f"{WAITING}\n"
    first.kill()
    assert second.stdout.readline() == "making\n"
    said, _ = second.communicate("go\n")
    assert said == "pets-resnet50-svm True\n"


def test_a_run_that_is_there_is_found_in_a_read_only_folder(made, open_folder):
    run, *_ = made(open_folder)
    with read_only(open_folder):
        again, fresh, states = made(open_folder)
    assert (again.path, fresh, states) == (run.path, False, [])


def test_taken_names_are_counted_up(tmp_path, make_contents):
    names = [write_run(tmp_path, make_contents()).name for _ in range(3)]
    first = "pets-resnet50-svm"
    assert names == [first, f"{first}-2", f"{first}-3"]
    assert [r.name for r in list_runs(tmp_path)] == names


def test_a_file_of_the_name_is_left_alone(tmp_path, make_contents):
    (tmp_path / "pets-resnet50-svm").write_text("mine")
    assert write_run(tmp_path, make_contents()).name == "pets-resnet50-svm-2"
    assert (tmp_path / "pets-resnet50-svm").read_text() == "mine"


def test_the_other_may_be_first_between_look_and_rename(
    tmp_path, make_contents, monkeypatch
):
    rename, lost = os.rename, []

    def late(source, target):
        if not lost:
            lost.append(target)
            target.mkdir()
            (target / "run.json").write_text("{}")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    assert write_run(tmp_path, make_contents()).name == "pets-resnet50-svm-2"
    assert (lost[0] / "run.json").read_text() == "{}"


def test_threads_lose_nothing(tmp_path, make_contents):
    def write(i):
        for j in range(5):
            write_run(tmp_path, make_contents(seed=10 * i + j))

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = list_runs(tmp_path)
    assert sorted(r.info["seed"] for r in runs) == sorted(
        10 * i + j for i in range(4) for j in range(5)
    )
    assert not list(tmp_path.glob(".run-*"))


WRITER = """
import sys
from pathlib import Path
from tests.runs.conftest import contents
from featx.runs.write import write_run
for seed in sys.argv[2].split(","):
    write_run(Path(sys.argv[1]), contents(seed=int(seed)))
"""


def start_writer(folder, seeds):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, folder, seeds],
        cwd=Path(__file__).parents[2],
    )


def test_processes_lose_nothing(tmp_path):
    writers = [start_writer(tmp_path, "1,2,3,4"), start_writer(tmp_path, "5,6,7,8")]
    for writer in writers:
        assert writer.wait() == 0
    found = sorted(r.info["seed"] for r in list_runs(tmp_path))
    assert found == list(range(1, 9))


@contextlib.contextmanager
def files_up_to(limit):
    """Let no file of this process grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("limit", [10, 100_000])
def test_a_file_that_may_not_grow_leaves_no_half_run(tmp_path, make_contents, limit):
    """In the first file, and in the last and largest."""
    large = make_contents(head=tiny_head(width=20_000))
    with pytest.raises(RunError) as caught, files_up_to(limit):
        write_run(tmp_path, large)
    said = one_line(caught, tmp_path)
    assert said.startswith(f"{tmp_path}: can't write the run (File too large)")
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


@pytest.fixture
def tiny_disk(tmp_path):
    with mounted_disk(tmp_path, "64k"):
        yield tmp_path


def test_a_full_disk_leaves_no_half_run(tiny_disk, make_contents):
    with pytest.raises(RunError) as caught:
        write_run(tiny_disk, make_contents(head=tiny_head(width=20_000)))
    said = one_line(caught, tiny_disk)
    assert said.startswith(f"{tiny_disk}: can't write the run (No space left")
    assert [p.name for p in tiny_disk.iterdir()] == [".lock"]


def test_a_folder_without_permission(unwritable, make_contents):
    with pytest.raises(RunError, match=r"can't write the run .Permission") as caught:
        write_run(unwritable, make_contents())
    assert "--out-dir" in one_line(caught, unwritable)
    assert list(unwritable.iterdir()) == []


def test_a_file_where_the_folder_should_be(tmp_path, make_contents):
    (tmp_path / "reports").write_text("")
    with pytest.raises(RunError, match="can't write the run") as caught:
        write_run(tmp_path / "reports", make_contents())
    one_line(caught, tmp_path / "reports")


def test_a_name_that_cannot_be_renamed_to(tmp_path, make_contents):
    """A dangling link isn't there, and yet nothing can take its name."""
    (tmp_path / "pets-resnet50-svm").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunError, match="can't write the run") as caught:
        write_run(tmp_path, make_contents())
    one_line(caught, tmp_path)
    assert not list(tmp_path.glob(".run-*"))


def test_an_interrupt_leaves_nothing(tmp_path, make_contents):
    class Interrupting:
        def get_learned(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_run(tmp_path, make_contents(head=Interrupting()))
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_leftovers_go_once_nobody_writes(tmp_path, make_contents):
    leftover = tmp_path / ".run-killed"
    leftover.mkdir()
    (leftover / "run.json").write_text("half")
    (tmp_path / ".lock").touch()
    with (tmp_path / ".lock").open() as other:
        portalocker.lock(other, portalocker.LockFlags.SHARED)
        write_run(tmp_path, make_contents())
        assert leftover.exists()
    write_run(tmp_path, make_contents())
    assert not leftover.exists()
    assert len(list_runs(tmp_path)) == 2


def test_what_killed_ones_left_goes_once_nobody_draws(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    leftovers = [tmp_path / ".aside-a.html", folder / ".aside-b.png"]
    for leftover in leftovers:
        leftover.touch()
    with drawing(tmp_path, []), drawing(tmp_path, [tmp_path, folder]):
        assert all(leftover.exists() for leftover in leftovers)
    with drawing(tmp_path, [tmp_path, folder]):
        assert not any(leftover.exists() for leftover in leftovers)


def test_leftovers_of_killed_writers_are_no_runs(tmp_path, run):
    leftover = tmp_path / ".run-x1y2"
    leftover.mkdir()
    (leftover / "run.json").write_text('{"format": "featx-')
    (tmp_path / "figures").mkdir()
    (tmp_path / "index.html").write_text("")
    assert list_runs(tmp_path) == [run]
    assert find_fitted(tmp_path, "f0") == run


def test_a_run_without_its_head_is_fitted_again(tmp_path, run):
    assert find_fitted(tmp_path, "f0") == run
    (run.path / "head.safetensors").unlink()
    assert find_fitted(tmp_path, "f0") is None
