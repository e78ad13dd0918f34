"""Each run is made once, by one process; one that was killed is gone on with."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from featx.progress import Progress
from featx.runs.info import Kind
from featx.runs.run import list_runs
from featx.runs.write import WAITING, make_run
from tests.conftest import read_only


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
            return make_contents(fingerprint="abc", head="any")

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
