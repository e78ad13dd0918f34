"""What was predicted for training images is read as written; damage is one line."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from featx.errors import RunError
from featx.evaluation.cross_validation import FoldScores
from featx.runs.cv_predictions import CvPredictions, write_cv_predictions
from featx.runs.files import sha256_of
from featx.runs.read import read_run
from featx.runs.write import write_run
from tests.runs.conftest import one_line

ODD = "train/a,b\udcff\n.png"
"""A name that is not UTF-8, with a comma and a line feed."""


def predictions(n=9, repeats=2, folds=3):
    rng = np.random.default_rng(0)
    return CvPredictions(
        paths=(ODD, "\u732b.png", *(f"train/{i}.png" for i in range(n - 2))),
        groups=np.arange(n) // 2,
        labels=np.arange(n) % 2,
        fold=np.arange(n) % folds,
        probabilities=rng.dirichlet([1, 1], n).astype(np.float32),
        predicted=rng.integers(0, 2, (repeats, n)),
        by_fold=FoldScores(
            rng.random((repeats, folds)),
            np.full((repeats, folds), 6),
            np.full((repeats, folds), 3),
        ),
        temperature=1.25,
    )


@pytest.fixture
def validated(tmp_path, make_contents):
    """A run of nine training images that was cross-validated."""
    contents = replace(make_contents(), cv_predictions=predictions())
    return write_run(tmp_path, contents)


def test_round_trip(validated):
    given, found = predictions(), read_run(validated.path).cv_predictions()
    assert found.paths == given.paths
    assert found.temperature == 1.25
    for name in ("groups", "labels", "fold", "probabilities", "predicted"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))
    assert found.probabilities.dtype == np.float32
    for ours, theirs in zip(found.by_fold, given.by_fold, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert repr(found) == "CvPredictions(9 images, 2 x 3 folds)"


def test_what_follows_from_them(validated):
    found = validated.cv_predictions()
    right = found.predicted == found.labels
    np.testing.assert_array_equal(found.correct, right)
    rows = zip(found.probabilities.tolist(), found.predicted[0], strict=True)
    assert found.confidence.tolist() == [row[code] for row, code in rows]
    held_out = validated.held_out()
    assert held_out.paths == found.paths
    assert held_out.correct.tolist() == right[0].tolist()


def test_the_same_predictions_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_cv_predictions(tmp_path / name, predictions())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_run_without_them(run):
    assert run.cv_predictions() is None


def test_a_missing_file(validated):
    path = validated.path / "cv_predictions.h5"
    path.unlink()
    with pytest.raises(RunError) as caught:
        validated.cv_predictions()
    assert "damaged (missing)" in one_line(caught, path)


@pytest.mark.parametrize("place", [9, 900, -9])
def test_a_flipped_bit(validated, place):
    path = validated.path / "cv_predictions.h5"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        validated.cv_predictions()
    assert "its SHA-256 is not the one in run.json" in one_line(caught, path)


def put(name, make):
    """Return a change of a file that makes a dataset anew from what it was."""

    def change(file):
        values = file[name][:]
        del file[name]
        made = make(values)
        file.create_dataset(name, data=made, chunks=made.shape)

    return change


def link(file):
    del file["label"]
    file["label"] = h5py.ExternalLink("other.h5", "label")


def hollow(file):
    del file["probability"]
    file.create_dataset("probability", (9, 2), "f4", chunks=(9, 2))


def unchunked(file):
    del file["fold"]
    file["fold"] = np.zeros(9, int)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file.attrs.update({"format": b"x"}), "not of format featx-cv"),
        (lambda file: file.attrs.update({"version": 2}), "written by a newer featx"),
        (lambda file: file.__delitem__("group"), "'group' is missing"),
        (link, "'label' is missing or a link"),
        (hollow, r"'probability' of shape \(9, 2\) is not there completely"),
        (unchunked, "'fold' is not stored in chunks"),
        (put("label", lambda v: v + 1), "'label' isn't from 0 to 1"),
        (put("predicted", lambda v: v - 1), "'predicted' isn't from 0 to 1"),
        (put("label", lambda v: v[:8]), r"'label' has shape \(8,\), not \(9,\)"),
        (put("label", lambda v: v[:, None]), r"'label' has shape \(9, 1\)"),
        (put("label", lambda v: v / 1), "'label' has type float64"),
        (put("probability", lambda v: v * np.nan), "numbers that aren't finite"),
    ],
)
def test_files_that_were_made_in_another_way(tmp_path, validated, change, reason):
    path = validated.path / "cv_predictions.h5"
    with h5py.File(path, "r+") as file:
        change(file)
    info = validated.info.model_copy(update={"cv_predictions_sha256": sha256_of(path)})
    with pytest.raises(RunError, match=reason) as caught:
        replace(validated, info=info).cv_predictions()
    one_line(caught, path)
