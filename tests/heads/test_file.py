"""A head's file holds arrays and JSON: anything else in it is refused."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from featx.errors import HeadError
from featx.heads.file import head_bytes, read_head
from featx.heads.layers import LAYERS, BatchNorm, Conv, Dense, Dropout, Flatten
from featx.heads.mlp import MLPHead
from featx.heads.table import make_head
from tests.heads.blobs import make_blobs, tiny_head


def parts(content):
    """Return a file's arrays, and what it says in JSON."""
    size = int.from_bytes(content[:8], "little")
    facts = json.loads(content[8 : 8 + size])["__metadata__"]
    return load(content), facts | {"head": json.loads(facts["head"])}


def written(path, arrays, facts):
    path.write_bytes(save(arrays, facts | {"head": json.dumps(facts["head"])}))
    return path


@pytest.fixture
def mlp():
    """A head with layers of several kinds, as training leaves it, without training."""
    rng = np.random.default_rng(0)
    head = MLPHead(hidden="4,bn,dropout0.5")
    head.classes_, head.n_features_in_ = np.array([3, 5]), 6
    head.history_ = {"epoch": [1.0], "loss": [float("nan")]}
    head.mean_, head.scale_ = rng.random((2, 6), np.float32)
    head.temperature_ = 0.1 + 0.2
    head.layers_ = [
        Dense(rng.random((6, 4), np.float32), rng.random(4, np.float32), "relu"),
        BatchNorm(*rng.random((4, 4), np.float32), epsilon=1e-3, momentum=0.9),
        Dropout(0.5),
        Dense(rng.random((4, 2), np.float32), rng.random(2, np.float32)),
    ]
    return head


def test_the_format_is_as_documented(mlp):
    arrays, facts = parts(head_bytes(mlp))
    assert (facts["format"], facts["version"]) == ("featx-head", "1")
    said = facts["head"]
    assert said["head"] == "mlp"
    assert said["parameters"] == mlp.get_params()
    assert said["values"].keys() == {"n_features_in_", "history_", "temperature_"}
    assert said["values"]["temperature_"] == mlp.temperature_
    assert said["layers"]["layers_"] == [
        {"kind": "dense", "activation": "relu"},
        {"kind": "batchnorm", "epsilon": 1e-3, "momentum": 0.9},
        {"kind": "dropout", "rate": 0.5},
        {"kind": "dense", "activation": "linear"},
    ]
    np.testing.assert_array_equal(arrays["layers_.0.kernel"], mlp.layers_[0].kernel)
    assert arrays["classes_"].tolist() == [3, 5]


def test_layers_are_read_as_they_were(mlp, tmp_path):
    (path := tmp_path / "head").write_bytes(head_bytes(mlp))
    again = read_head(path)
    assert repr(again.layers_) == repr(mlp.layers_)
    X = np.random.default_rng(1).random((5, 6), np.float32)
    np.testing.assert_array_equal(again.predict_proba(X), mlp.predict_proba(X))


def test_every_kind_of_layer_is_in_the_table():
    assert {Conv, Flatten, BatchNorm, Dropout, Dense} <= set(LAYERS.values())


def test_arrays_keep_their_type_order_and_shape(tmp_path):
    head = make_head("lda").fit(*make_blobs([5, 5, 5]))
    head.coef_ = np.asfortranarray(head.coef_, np.float64)
    (path := tmp_path / "head").write_bytes(head_bytes(head))
    arrays, _ = parts(path.read_bytes())
    np.testing.assert_array_equal(arrays["coef_"], head.coef_)
    again = read_head(path)
    assert again.coef_.flags.fnc
    assert again.coef_.dtype == np.float64
    assert again.intercept_.dtype == head.intercept_.dtype


def test_a_shape_among_the_parameters_stays_one(tmp_path):
    X, y = make_blobs([4, 4])
    head = make_head("conv", map_shape=(1, 2, 6), filters=2, hidden="2", epochs=1)
    (path := tmp_path / "head").write_bytes(head_bytes(head.fit(X, y)))
    assert read_head(path).map_shape == (1, 2, 6)


def test_boosted_trees_may_name_parameters_of_early_stopping(tmp_path):
    """Heads had them when they held out rows to stop by."""
    X, y = make_blobs([9, 9])
    head = make_head("gboost", rounds=5).fit(X, y)
    arrays, facts = parts(head_bytes(head))
    facts["head"]["parameters"] |= {"patience": 20, "validation_share": 0.15}
    again = read_head(written(tmp_path / "head", arrays, facts))
    assert again.get_params() == head.get_params()
    np.testing.assert_array_equal(again.predict_proba(X), head.predict_proba(X))


def test_what_is_no_number_is_not_written():
    X, y = make_blobs([4, 4])
    head = make_head("svm").fit(X, np.array(["ant", "zebra"])[y])
    with pytest.raises(HeadError, match=r"classes_: <U5 can't be written"):
        head_bytes(head)
    head = make_head("svm").fit(X, y)
    head.extra = 1
    with pytest.raises(ValueError, match="extra"):
        head_bytes(head)
    del head.extra
    head.extra_ = object()
    with pytest.raises(HeadError, match="object: can't be written"):
        head_bytes(head)


def _changed(said, **changes):
    said.update(changes)


SAID = {
    "no such head": lambda said: _changed(said, head="os"),
    "a parameter too many": lambda said: said["parameters"].update(command="ls"),
    "a method replaced": lambda said: said["values"].update(predict_proba=1),
    "a private name": lambda said: said["values"].update(__class__="x"),
    "a width that isn't": lambda said: said["values"].update(n_features_in_=7),
    "no width": lambda said: said["values"].pop("n_features_in_"),
    "a word for a number": lambda said: said["values"].update(temperature_="hot"),
    "no such layer": lambda said: said["layers"]["layers_"][0].update(kind="lambda"),
    "no such activation": lambda said: said["layers"]["layers_"][0].update(
        activation="eval"
    ),
    "a layer too few": lambda said: said["layers"]["layers_"].pop(),
    "a number for an array": lambda said: said["layers"]["layers_"].append(
        {"kind": "dense", "kernel": 1, "bias": 2, "activation": "relu"}
    ),
    "an unknown key": lambda said: _changed(said, code="print(1)"),
    "no layers": lambda said: said.pop("layers"),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_said_must_make_a_head(case, mlp, tmp_path):
    arrays, facts = parts(head_bytes(mlp))
    SAID[case](facts["head"])
    path = written(tmp_path / "head", arrays, facts)
    with pytest.raises(Exception, match=r"."):
        read_head(path)


@pytest.mark.parametrize("name", ["classes_", "mean_", "layers_.3.kernel"])
def test_no_array_may_be_missing_or_of_another_shape(name, mlp, tmp_path):
    arrays, facts = parts(head_bytes(mlp))
    for change in (None, np.zeros((3, 3), np.float32), np.full(6, np.nan, np.float32)):
        rest = {key: array for key, array in arrays.items() if key != name}
        changed = rest if change is None else {**rest, name: change}
        with pytest.raises(Exception, match=r"."):
            read_head(written(tmp_path / "head", changed, facts))


def test_an_array_may_not_stand_for_a_method(mlp, tmp_path):
    arrays, facts = parts(head_bytes(mlp))
    arrays["fit"] = np.zeros(1)
    with pytest.raises(ValueError, match="pattern"):
        read_head(written(tmp_path / "head", arrays, facts))


def test_files_that_are_none_of_ours(mlp, tmp_path):
    arrays, facts = parts(head_bytes(mlp))
    for other in ({}, {"format": "pt"}):
        (path := tmp_path / "head").write_bytes(save(arrays, other))
        with pytest.raises(HeadError, match="not a head of featx"):
            read_head(path)
    with pytest.raises(HeadError, match="written by a newer featx"):
        read_head(written(path, arrays, facts | {"version": "2"}))


@given(place=st.integers(min_value=0), bit=st.integers(0, 7), cut=st.booleans())
def test_damage_never_does_more_than_raise(place, bit, cut, tmp_path_factory):
    content = bytearray(head_bytes(tiny_head()))
    place %= len(content)
    content[place] ^= 1 << bit
    path = tmp_path_factory.mktemp("head") / "head"
    path.write_bytes(content[:place] if cut else content)
    # A number may be another one: only the digest in run.json can tell.
    with contextlib.suppress(Exception):
        assert read_head(path).predict_proba(np.zeros((1, 3))).shape[0] == 1
