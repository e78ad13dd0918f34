"""What is written is read back, whatever the names."""

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

from featx.runs.run import list_runs, read_run
from featx.runs.write import slug, write_run

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
    loaded = joblib.load(run.path / "head.joblib")
    np.testing.assert_array_equal(loaded["weights"], np.arange(5.0))
    assert sorted(p.name for p in run.path.iterdir()) == [
        *("head.joblib", "metrics.json", "predictions.csv", "run.json")
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
