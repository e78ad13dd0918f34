"""The file that tells unlike images is read as written; damage is one line."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from featx.errors import RunError
from featx.evaluation.familiarity import Familiarity
from featx.runs.files import sha256_of
from featx.runs.read import read_run
from featx.runs.write import write_run
from tests.runs.conftest import one_line


def familiarity(n_test=3, map_shape=None):
    rng = np.random.default_rng(0)
    return Familiarity(
        rows=rng.integers(-127, 128, (6, 4)).astype(np.int8),
        distances=np.sort(rng.random(6)).astype(np.float32),
        map_shape=map_shape,
        test=rng.random(n_test).astype(np.float32),
    )


@pytest.fixture
def known(tmp_path, make_contents):
    """A run with the file."""
    contents = replace(make_contents(), familiarity=familiarity())
    return write_run(tmp_path, contents)


@pytest.mark.parametrize("map_shape", [None, (7, 7, 4)])
def test_round_trip(tmp_path, make_contents, map_shape):
    given = familiarity(map_shape=map_shape)
    run = write_run(tmp_path, replace(make_contents(), familiarity=given))
    found = read_run(run.path).familiarity()
    assert found.map_shape == map_shape
    for name in ("rows", "distances", "test"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))
        assert getattr(found, name).dtype == getattr(given, name).dtype


def test_a_run_without_it(run):
    assert run.familiarity() is None


def test_a_missing_file(known):
    path = known.path / "familiarity.safetensors"
    path.unlink()
    with pytest.raises(RunError, match="missing") as caught:
        known.familiarity()
    one_line(caught, path)


def test_another_digest(known):
    path = known.path / "familiarity.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"its SHA-256 is not the one in run\.json"):
        known.familiarity()


def content(facts=None, **arrays):
    given = familiarity()
    whole = {"rows": given.rows, "distances": given.distances, "test": given.test}
    known = {"format": "featx-familiarity", "version": "1", "map_shape": "null"}
    return save({**whole, **arrays}, {**known, **(facts or {})})


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (b"none", "damaged"),
        (content({"format": "other"}), "not of format featx-familiarity"),
        (content({"version": "2"}), "written by a newer featx"),
        (content({"map_shape": "no JSON"}), "damaged"),
        (content(rows=np.zeros((6, 4), np.float32)), "'rows' has shape"),
        (content(rows=np.zeros(6, np.int8)), "'rows' has shape"),
        (content(rows=np.zeros((0, 4), np.int8)), "'rows' has shape"),
        (content(distances=np.zeros(5, np.float32)), "'distances' has shape"),
        (content(test=np.zeros(4, np.float32)), "'test' has shape"),
    ],
)
def test_a_file_that_is_another(known, written, reason):
    path = known.path / "familiarity.safetensors"
    path.write_bytes(written)
    told = json.loads((known.path / "run.json").read_text())
    told["familiarity_sha256"] = sha256_of(path)
    (known.path / "run.json").write_text(json.dumps(told))
    with pytest.raises(RunError, match=reason) as caught:
        read_run(known.path).familiarity()
    one_line(caught, path)
