"""What is written is read back, whatever the names; damage is reported in one line."""

import hashlib
import json
import os
import string
from datetime import datetime
from importlib.metadata import version

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from featx.errors import RunError
from featx.heads.file import head_bytes
from featx.heads.mlp import MLPHead
from featx.heads.table import make_head
from featx.runs.read import list_runs, read_run
from featx.runs.write import find_fitted, slug, write_run
from tests.heads.blobs import make_blobs, tiny_head
from tests.runs.conftest import one_line

# Anything that a file system or a labels file can hold: no NUL, no lone surrogate.
text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.text("\",\n\r\t;' \\é", max_size=6)


undecodable = st.binary(min_size=1, max_size=8).map(
    lambda b: os.fsdecode(b.replace(b"\0", b"x"))
)


def test_round_trip(tmp_path, make_contents):
    contents = make_contents(seed=3, fingerprint="f0")
    run = write_run(tmp_path / "new" / "reports", contents)
    assert run.path == tmp_path / "new" / "reports" / "pets-resnet50-svm"
    assert run == read_run(run.path)
    written = run.info.as_dict()
    added = {"format": "featx-run", "version": 1}
    assert {**written, **added, **contents.info} == written
    assert datetime.fromisoformat(run.info["created"]).tzinfo
    assert run.info["versions"]["featx"] == version("featx")
    assert run.metrics.as_dict() == contents.metrics
    assert run.name == "pets-resnet50-svm"
    assert (run.head, run.backbone, run.data_name) == ("svm", "resnet50", "pets")
    assert run.data_fingerprint == "d0"
    assert run.classes == ["cat", "dog"]
    assert not run.random_weights
    X, _ = make_blobs([3, 3], width=3)
    np.testing.assert_array_equal(
        run.load_head().predict_proba(X), contents.head.predict_proba(X)
    )
    content = (run.path / "head.safetensors").read_bytes()
    assert run.info.model_sha256 == hashlib.sha256(content).hexdigest()
    assert sorted(p.name for p in run.path.iterdir()) == [
        *("head.safetensors", "metrics.json", "predictions.csv", "run.json")
    ]
    names = {p.name for p in run.path.parent.iterdir()}
    assert names == {".lock", run.name}


@pytest.mark.parametrize(
    ("kind", "title", "facts"),
    [
        ("head", "svm on resnet50", (False, False, False)),
        ("network", "resnet50, trained from scratch", (True, False, True)),
        ("finetune", "svm on resnet50, fine-tuned", (False, True, True)),
    ],
)
def test_kinds(tmp_path, make_contents, kind, title, facts):
    run = write_run(tmp_path, make_contents(kind=kind))
    assert run.title == title
    assert (run.from_scratch, run.finetuned, run.has_model) == facts


def test_predictions(tmp_path, make_contents):
    contents = make_contents()
    found = write_run(tmp_path, contents).predictions()
    assert found.paths == ("a.jpg", "b.jpg", "c.jpg")
    assert found.labels == ("cat", "dog", "cat")
    np.testing.assert_allclose(found.probabilities, contents.probabilities, rtol=1e-5)
    best = contents.probabilities.argmax(axis=1)
    assert found.predicted == tuple(["cat", "dog"][i] for i in best)
    np.testing.assert_allclose(
        found.confidence, contents.probabilities.max(axis=1), rtol=1e-5
    )


def test_header_is_the_contract(tmp_path, make_contents):
    run = write_run(tmp_path, make_contents())
    first = (run.path / "predictions.csv").read_text().splitlines()[0]
    assert first == "path,label,predicted,confidence,p_cat,p_dog"


def test_no_test_image(tmp_path, make_contents):
    found = write_run(tmp_path, make_contents(paths=())).predictions()
    assert found.paths == found.labels == found.predicted == ()
    assert found.confidence.shape == (0,)
    assert found.probabilities.shape == (0, 2)


@given(
    name=text,
    classes=st.lists(text | undecodable, min_size=2, max_size=5, unique=True),
    paths=st.lists(text | undecodable, min_size=1, max_size=5),
)
def test_any_names(tmp_path_factory, make_contents, name, classes, paths):
    folder = tmp_path_factory.mktemp("reports")
    contents = make_contents(name, classes=classes, paths=paths, note=paths[0])
    run = write_run(folder, contents)
    assert run.path.parent == folder
    assert [r.path for r in list_runs(folder)] == [run.path]
    assert run.classes == classes
    assert run.info["note"] == paths[0]
    found = run.predictions()
    assert found.paths == tuple(paths)
    assert found.labels == tuple(classes[i % len(classes)] for i in range(len(paths)))
    assert found.probabilities.shape == (len(paths), len(classes))


def test_file_names_that_are_not_utf8(tmp_path, make_contents):
    path = os.fsdecode(b"caf\xe9.jpg")
    run = write_run(tmp_path, make_contents(paths=[path], root=path))
    assert run.predictions().paths == (path,)
    # In the CSV they stand byte by byte; JSON stays UTF-8 for every reader.
    assert b"caf\xe9.jpg" in (run.path / "predictions.csv").read_bytes()
    assert json.loads((run.path / "run.json").read_text("utf-8"))["root"] == path


@given(st.text(max_size=400))
def test_slug_is_one_plain_name(name):
    found = slug(name)
    assert found
    assert found[0] not in ".-_"
    assert "/" not in found
    assert len(found.encode()) <= 200


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("birds-resnet50-svm", "birds-resnet50-svm"),
        ("mobilenet-0.25+vgg16", "mobilenet-0.25+vgg16"),
        ("my birds/2024", "my_birds_2024"),
        ("猫-svm", "猫-svm"),
        ("../..", "data"),
        ("--help", "help"),
        (".hidden", "hidden"),
    ],
)
def test_slug(name, expected):
    assert slug(name) == expected


def test_long_names_keep_their_end(tmp_path, make_contents):
    run = write_run(tmp_path, make_contents("猫" * 300 + "-vgg16-svm"))
    assert run.name.endswith("猫-vgg16-svm")
    again = write_run(tmp_path, make_contents("猫" * 300 + "-vgg16-svm"))
    assert again.name == run.name + "-2"


@given(
    st.dictionaries(
        st.text(string.ascii_letters + "_", min_size=1),
        st.lists(st.floats(width=32), min_size=3, max_size=3),
        max_size=4,
    )
)
def test_history(tmp_path_factory, make_contents, history):
    folder = tmp_path_factory.mktemp("reports")
    found = write_run(folder, make_contents(history=history)).history()
    assert list(found) == list(history)
    for name, column in history.items():
        np.testing.assert_array_equal(found[name], column)


def test_a_run_is_as_readable_as_its_neighbours(tmp_path, make_contents):
    tmp_path.chmod(0o750)
    run = write_run(tmp_path, make_contents())
    assert run.path.stat().st_mode & 0o777 == 0o750


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


@pytest.mark.parametrize(("key", "value"), [("folds", "x"), ("repeats", [1])])
def test_damaged_settings(run, key, value):
    path = run.path / "run.json"
    content = json.loads(path.read_text())
    content["settings"] = {key: value}
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=f"damaged .'settings.{key}': input should be"):
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
        HEADER + 2 * ROW + ROW.replace("a.jpg", "\0" * 5),
    ],
    ids=[
        *("empty", "no rows", "too few", "words", "narrow", "header", "cut", "long"),
        "zeros",
    ],
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


def test_history_that_is_no_file(run):
    (run.path / "history.csv").unlink()
    (run.path / "history.csv").mkdir()
    with pytest.raises(RunError, match="damaged"):
        run.history()


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


def test_a_run_whose_file_is_a_folder_is_left_out_with_a_note(run):
    (run.path / "run.json").unlink()
    (run.path / "run.json").mkdir()
    notes = []
    assert list_runs(run.path.parent, note=notes.append) == []
    (note,) = notes
    assert note.startswith(f"left out: {run.path / 'run.json'}: not readable")


def test_a_damaged_run_does_not_keep_others_from_being_found(tmp_path, make_contents):
    for fingerprint in ("f0", "f1"):
        write_run(tmp_path, make_contents(fingerprint=fingerprint))
    first, second = list_runs(tmp_path)
    (first.path / "metrics.json").unlink()
    assert find_fitted(tmp_path, "f1") == second
    assert find_fitted(tmp_path, "f0") is None
    assert find_fitted(tmp_path, "f2") is None


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


def pickled(run, head):
    """Make a run as featx 0.2 wrote it, of any object."""
    (run.path / "head.safetensors").unlink(missing_ok=True)
    joblib.dump(head, run.path / "head.joblib", compress=3)
    content = run.info.as_dict()
    del content["model_sha256"]
    (run.path / "run.json").write_text(json.dumps(content))


class RunsCode:
    """What a stranger's pickle may be: it writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_is_loaded_only_if_it_is_trusted(run, tmp_path):
    pickled(run, tiny_head())
    with pytest.raises(
        RunError, match=r"a pickle, which can run code.* --trust"
    ) as told:
        read_run(run.path).load_head()
    one_line(told, run.path / "head.joblib")
    loaded = read_run(run.path, trust=True).load_head()
    X, _ = make_blobs([3, 3], width=3)
    expected = tiny_head().predict_proba(X)
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)


def test_no_code_of_a_pickle_runs_unasked(run, tmp_path):
    pickled(run, RunsCode(str(tmp_path / "ran")))
    with pytest.raises(RunError, match="a pickle"):
        read_run(run.path).load_head()
    assert not (tmp_path / "ran").exists()


def test_a_pickle_in_the_place_of_arrays_is_damage(run, tmp_path):
    path = run.path / "head.safetensors"
    joblib.dump(RunsCode(str(tmp_path / "ran")), path)
    for content in ({**run.info.as_dict(), "model_sha256": ""}, run.info.as_dict()):
        (run.path / "run.json").write_text(json.dumps(content))
        with pytest.raises(RunError) as told:
            read_run(run.path, trust=True).load_head()
        one_line(told, path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "wrong", [{"weights": 1}, None, MLPHead(), LogisticRegression()], ids=repr
)
def test_a_pickle_of_something_else_is_one_line(run, wrong):
    pickled(run, wrong)
    with pytest.raises(RunError, match="make the run again") as told:
        read_run(run.path, trust=True).load_head()
    one_line(told, run.path / "head.joblib")


def test_any_changed_bit_of_a_head_is_found(run):
    path = run.path / "head.safetensors"
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), 7):
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"damaged .its SHA-256 is not") as told:
            run.load_head()
        content[place] ^= 1
    one_line(told, path)
    path.write_bytes(content)
    assert run.load_head().classes_.tolist() == [0, 1]


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.99])
def test_damaged_trees_never_reach_xgboost(tmp_path, make_contents, share):
    """Its parser would take the process down."""
    trees = make_head("gboost", rounds=2).fit(*make_blobs([5, 5], width=3))
    run = write_run(tmp_path, make_contents(head=trees))
    assert run.load_head().classes_.tolist() == [0, 1]
    path = run.path / "head.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RunError, match=r"damaged .its SHA-256 is not"):
        run.load_head()


def test_a_head_of_other_classes_is_told(run):
    (run.path / "head.safetensors").write_bytes(head_bytes(tiny_head(3)))
    content = {**run.info.as_dict(), "model_sha256": ""}
    (run.path / "run.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"3 classes, the run has 2") as told:
        read_run(run.path).load_head()
    one_line(told, run.path / "head.safetensors")


def test_a_head_of_a_newer_featx_says_upgrade(run):
    path = run.path / "head.safetensors"
    content = path.read_bytes().replace(b'"version":"1"', b'"version":"2"')
    path.write_bytes(content)
    found = {**run.info.as_dict(), "model_sha256": hashlib.sha256(content).hexdigest()}
    (run.path / "run.json").write_text(json.dumps(found))
    with pytest.raises(RunError, match=r"written by a newer featx; upgrade") as told:
        read_run(run.path).load_head()
    one_line(told, path)


def test_a_fine_tuned_run_says_whose_sets_to_take(tmp_path, make_contents):
    run = write_run(tmp_path, make_contents(kind="finetune", parent="pets-lda"))
    with pytest.raises(RunError, match="use pets-lda, from which it was fine-tuned"):
        run.set_rule(0.9)
