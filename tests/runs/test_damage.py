"""A run that can't be written or read gives one line and leaves nothing half done."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import portalocker
import pytest

from featx.errors import RunError
from featx.runs.run import list_runs, read_run
from featx.runs.write import find_fitted, write_run


@pytest.fixture
def run(tmp_path, make_contents):
    return write_run(tmp_path, make_contents(fingerprint="f0", history={"loss": [1]}))


def one_line(caught, path):
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


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


SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from featx.errors import RunError
from tests.runs.conftest import contents
from featx.runs.write import write_run
folder, seeds, limit = Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    for seed in seeds:
        head = np.random.default_rng(int(seed)).random(20_000)
        write_run(folder, contents(seed=int(seed), head=head))
except RunError as error:
    print(error)
    sys.exit(1)
"""
ROOT = Path(__file__).parents[2]


def start(folder, seeds, *, limit=0):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, folder, seeds, str(limit)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_lose_nothing(tmp_path):
    writers = [start(tmp_path, "1,2,3,4"), start(tmp_path, "5,6,7,8")]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    found = sorted(r.info["seed"] for r in list_runs(tmp_path))
    assert found == list(range(1, 9))


@pytest.mark.parametrize("limit", [10, 100_000])
def test_a_file_that_may_not_grow_leaves_no_half_run(tmp_path, limit):
    """In the first file, and in the last and largest."""
    writer = start(tmp_path, "1", limit=limit)
    said, _ = writer.communicate()
    assert writer.returncode == 1
    assert said.startswith(f"{tmp_path}: can't write the run (File too large)")
    assert said.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


@pytest.fixture
def tiny_disk(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_leaves_no_half_run(tiny_disk):
    said, _ = start(tiny_disk, "1").communicate()
    assert said.startswith(f"{tiny_disk}: can't write the run (No space left")
    assert said.count("\n") == 1
    assert [p.name for p in tiny_disk.iterdir()] == [".lock"]


@pytest.fixture
def unwritable():
    """A folder that this process may not write to, even where it is root's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


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
        def __reduce__(self):
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


def test_leftovers_of_killed_writers_are_no_runs(tmp_path, run):
    leftover = tmp_path / ".run-x1y2"
    leftover.mkdir()
    (leftover / "run.json").write_text('{"format": "featx-')
    (tmp_path / "figures").mkdir()
    (tmp_path / "index.html").write_text("")
    assert list_runs(tmp_path) == [run]
    assert find_fitted(tmp_path, "f0") == run


def test_no_runs(tmp_path):
    assert list_runs(tmp_path / "nowhere") == []
    assert list_runs(tmp_path) == []
    assert find_fitted(tmp_path / "nowhere", "f0") is None


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="no such run folder") as caught:
        read_run(tmp_path / "nowhere")
    one_line(caught, tmp_path / "nowhere")


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(RunError, match=r"run.json: not readable .No such file"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": "other"}')
    with pytest.raises(RunError, match="not a run of featx"):
        read_run(tmp_path)


def test_a_newer_version(run):
    path = run.path / "run.json"
    path.write_text(json.dumps({**run.info.as_dict(), "version": 2}))
    with pytest.raises(RunError, match="written by a newer featx; upgrade") as caught:
        read_run(run.path)
    one_line(caught, run.path)


@pytest.mark.parametrize("name", ["run.json", "metrics.json"])
@pytest.mark.parametrize(
    "content", [b"", b'{"format": "featx-run", "ver', b"[1]", b"null", b'{"a": "\xff"}']
)
def test_damaged_json(run, name, content):
    (run.path / name).write_bytes(content)
    with pytest.raises(RunError, match=r"damaged .*; delete its folder") as caught:
        read_run(run.path)
    one_line(caught, run.path / name)


@pytest.mark.parametrize("version", [None, "one", 1.5])
def test_damaged_version(run, version):
    text = json.dumps({**run.info.as_dict(), "version": version})
    (run.path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json: damaged .'version': input should"):
        read_run(run.path)


@pytest.mark.parametrize(
    ("file", "key"),
    [
        *(("run.json", key) for key in ("head", "backbone", "weights", "data")),
        *(
            ("metrics.json", key)
            for key in ("cv_accuracy", "accuracy", "classes", "n_train", "n_test")
        ),
        *(("metrics.json", key) for key in ("confusion_matrix", "per_class")),
    ],
)
def test_missing_keys(run, file, key):
    content = json.loads((run.path / file).read_text())
    del content[key]
    (run.path / file).write_text(json.dumps(content))
    with pytest.raises(RunError, match=f"{file}: damaged .no '{key}'"):
        read_run(run.path)


def test_data_that_is_no_object(run):
    text = json.dumps({**run.info.as_dict(), "data": "pets"})
    (run.path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"damaged .'data': input should be a valid"):
        read_run(run.path)


def test_missing_metrics(run):
    (run.path / "metrics.json").unlink()
    with pytest.raises(RunError, match=r"metrics.json: not readable .No such file"):
        read_run(run.path)


HEADER = "path,label,predicted,confidence,p_cat,p_dog\n"
ROW = "a.jpg,cat,cat,0.9,0.9,0.1\n"


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADER,
        HEADER + ROW,
        HEADER + 3 * ROW.replace("0.9,", "much,"),
        HEADER + 3 * "a.jpg,cat,cat\n",
        HEADER.replace(",p_dog", "") + 3 * ROW,
        HEADER + 2 * ROW + "a.jpg,ca",
        HEADER + 2 * ROW + "a" * 200_000,
    ],
    ids=["empty", "no rows", "too few", "words", "narrow", "header", "cut", "long"],
)
def test_damaged_predictions(run, content):
    (run.path / "predictions.csv").write_text(content)
    with pytest.raises(RunError, match="damaged") as caught:
        run.predictions()
    one_line(caught, run.path / "predictions.csv")


def test_missing_predictions(run):
    (run.path / "predictions.csv").unlink()
    with pytest.raises(RunError, match=r"damaged .*No such file"):
        run.predictions()


@pytest.mark.parametrize("content", ["", "loss\nmuch\n", "loss,x\n1\n", "loss\n1,2\n"])
def test_damaged_history(run, content):
    assert run.history()["loss"].tolist() == [1]
    (run.path / "history.csv").write_text(content)
    with pytest.raises(RunError, match="damaged") as caught:
        run.history()
    one_line(caught, run.path / "history.csv")


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("run.json", {"kind": "tree"}, "'kind': input should be 'head', 'network'"),
        ("run.json", {"timings": {"fit": "long"}}, "'timings.fit': input should be"),
        ("run.json", {"data": {"name": "pets"}}, "no 'data.fingerprint'"),
        ("run.json", {"kind": "finetune"}, "no 'finetune'"),
        ("metrics.json", {"accuracy": "high"}, "'accuracy': input should be a valid"),
        ("metrics.json", {"intervals": {"accuracy": [0]}}, "'intervals.accuracy.1'"),
        ("metrics.json", {"confusion_matrix": [[1]]}, "'confusion_matrix' is not 2 x"),
        ("metrics.json", {"f1_macro": "high"}, "'f1_macro' is not a number"),
        ("metrics.json", {"per_class": {}}, "'per_class' and 'classes' name other"),
    ],
)
def test_an_error_names_the_file_and_the_key(run, file, change, said):
    path = run.path / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunError) as caught:
        read_run(run.path)
    assert said in one_line(caught, run.path)


def test_a_damaged_run_is_left_out_with_a_note(tmp_path, make_contents, run):
    other = write_run(tmp_path, make_contents())
    (run.path / "run.json").write_text("{")
    notes = []
    assert list_runs(tmp_path, note=notes.append) == [other]
    (note,) = notes
    assert note.startswith(f"left out: {run.path / 'run.json'}: damaged")
    with pytest.warns(UserWarning, match="left out"):
        assert list_runs(str(tmp_path)) == [other]


def test_a_damaged_run_does_not_keep_others_from_being_found(tmp_path, make_contents):
    for fingerprint in ("f0", "f1"):
        write_run(tmp_path, make_contents(fingerprint=fingerprint))
    first, second = list_runs(tmp_path)
    (first.path / "metrics.json").unlink()
    assert find_fitted(tmp_path, "f1") == second
    assert find_fitted(tmp_path, "f0") is None
    assert find_fitted(tmp_path, "f2") is None


def test_a_run_without_its_head_is_fitted_again(tmp_path, run):
    assert find_fitted(tmp_path, "f0") == run
    (run.path / "head.joblib").unlink()
    assert find_fitted(tmp_path, "f0") is None


def test_a_folder_of_runs_that_cannot_be_read(unwritable):
    unreadable = unwritable / "reports"
    os.seteuid(0) if os.getuid() == 0 else unwritable.chmod(0o755)
    unreadable.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.seteuid(65534)
    else:
        unreadable.chmod(0o000)
    try:
        with pytest.raises(RunError, match=r"not readable .Permission") as caught:
            list_runs(unreadable)
        one_line(caught, unreadable)
    finally:
        if os.getuid() != 0:
            unreadable.chmod(0o755)
