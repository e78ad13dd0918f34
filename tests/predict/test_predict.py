"""A run predicts for other images as it does for its test split."""

import shutil

import numpy as np
import pytest

import featx
from featx.embeddings.settings import ExtractSettings
from featx.errors import DataError, RunError
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.fit import fit_run
from featx.pipeline.recipe import Recipe
from featx.predict.predict import predict
from featx.predict.submission import fill_submission
from featx.runs import find as run_choice
from featx.runs.read import read_run
from featx.runs.settings import ReportSettings
from tests.conftest import FakeExtractor


@pytest.fixture
def run(colours, tmp_path, monkeypatch):
    # The fake is no backbone that a spec could name.
    monkeypatch.setattr(run_choice, "find_by_spec", lambda spec, **_: fake_of(spec))
    images = featx.read_images(colours)
    embeddings = featx.embed(
        images, FakeExtractor(), flip=True, cache_dir=tmp_path / "cache"
    )
    return fit_run(
        embeddings,
        Recipe(
            data=DataSettings(path=colours),
            extract=[ExtractSettings(backbone="resnet50", flip=True)],
            head=[HeadSettings(name="logreg")],
            report=ReportSettings(out_dir=tmp_path / "reports"),
        ),
    )


def fake_of(spec):
    return FakeExtractor(spec=spec)


def test_predictions_equal_those_on_the_test_part(run, colours, tmp_path):
    predictions = predict(run, [colours / "test"], cache_dir=tmp_path / "cache")
    expected = run.predictions()
    assert [str(path.relative_to(colours)) for path in predictions.files] == [
        *expected.paths
    ]
    np.testing.assert_allclose(
        predictions.probabilities, expected.probabilities, rtol=1e-5
    )
    assert predictions.predicted == list(expected.predicted)
    name, confidence = predictions.top(2)[0][0]
    assert name == expected.predicted[0]
    assert confidence == pytest.approx(expected.confidence[0], rel=1e-5)
    lines = predictions.to_csv().splitlines()
    assert lines[0] == "path,predicted,confidence,p_blue,p_green,p_red"
    assert len(lines) == 13


def test_files_and_folders_each_once(run, colours, tmp_path):
    one = colours / "test" / "red" / "000.png"
    predictions = predict(
        run, [one, colours / "test" / "red"], cache_dir=tmp_path / "cache"
    )
    assert len(predictions.files) == 4
    assert predictions.files[0] == one


def test_what_cannot_be_read_is_told_and_the_others_are_answered(
    run, colours, tmp_path
):
    bad = colours / "test" / "red" / "bad.png"
    bad.write_text("no image")
    predictions = predict(run, [colours / "test"], cache_dir=tmp_path / "cache")
    assert len(predictions.files) == 12
    assert list(predictions.unreadable) == [bad]
    with pytest.raises(DataError, match="none of 1 images can be read"):
        predict(run, [bad], cache_dir=tmp_path / "cache")


@pytest.mark.parametrize(("path", "message"), [("gone.jpg", "no such"), ("e", "no im")])
def test_nothing_to_answer_for(run, tmp_path, path, message):
    (tmp_path / "e").mkdir()
    with pytest.raises(DataError, match=message):
        predict(run, [tmp_path / path], cache_dir=tmp_path / "cache")


def test_a_head_that_cannot_be_loaded_is_one_clear_line(run, colours, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    (copy / "head.safetensors").write_bytes(b"no arrays")
    with pytest.raises(RunError, match=r"damaged .*again"):
        predict(read_run(copy), [colours / "test"], cache_dir=tmp_path / "cache")
    (copy / "head.safetensors").unlink()
    with pytest.raises(RunError, match="missing"):
        predict(read_run(copy), [colours / "test"], cache_dir=tmp_path / "cache")


def test_submissions_are_filled_by_name(run, colours, tmp_path):
    predictions = predict(run, [colours / "test" / "red"], cache_dir=tmp_path / "cache")
    sample = tmp_path / "sample.csv"
    sample.write_text("id,red,blue\n002,0.3,0.3\n000.png,0.3,0.3\n")
    lines = fill_submission(sample, predictions).splitlines()
    assert lines[0] == "id,red,blue"
    name, red, blue = lines[1].split(",")
    assert name == "002"
    assert [float(red), float(blue)] == [
        predictions.probabilities[2, 2],
        predictions.probabilities[2, 0],
    ]
    sample.write_text("id,label\n001,0\n")
    assert fill_submission(sample, predictions) == "id,label\n001,red\n"


def test_submissions_of_images_of_one_name(run, colours, tmp_path):
    (bad := colours / "test" / "red" / "bad.png").write_text("no image")
    predictions = predict(run, [colours / "test"], cache_dir=tmp_path / "cache")
    sample = tmp_path / "sample.csv"
    sample.write_text("id,label\n000,0\n")
    with pytest.raises(
        DataError, match=r"'000' matches .*blue/000.png and .*green/000.png"
    ):
        fill_submission(sample, predictions)
    whole = colours / "test" / "red" / "000.png"
    sample.write_text(f"id,label\n{whole},0\n")
    assert fill_submission(sample, predictions) == f"id,label\n{whole},red\n"
    # The sample's own answer stays where the image can't be read.
    sample.write_text(f"id,label\nbad,unknown\n{bad},no\n")
    assert fill_submission(sample, predictions) == f"id,label\nbad,unknown\n{bad},no\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,red,purple\n000,1,1\n", "column 'purple' is not a class"),
        ("id,red\n999,1\n", "no prediction for '999'"),
        ("id\n000\n", "expected a column of images"),
        ("", "can't be read"),
    ],
)
def test_submissions_that_cannot_be_filled(run, colours, tmp_path, content, message):
    predictions = predict(run, [colours / "test" / "red"], cache_dir=tmp_path / "cache")
    sample = tmp_path / "sample.csv"
    sample.write_text(content)
    with pytest.raises(DataError, match=message):
        fill_submission(sample, predictions)
    with pytest.raises(DataError, match="can't be read"):
        fill_submission(tmp_path / "gone.csv", predictions)


def test_files_that_cannot_be_read_are_counted(run, colours, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(colours / "test" / "red", folder)
    (folder / "film.mov").write_bytes(b"?")
    found = predict(run, folder, cache_dir=tmp_path / "cache")
    note = "1 file of formats that featx can't read, left out (1 .mov)"
    assert found.notes == (note,)
    (tmp_path / "films").mkdir()
    (folder / "film.mov").rename(tmp_path / "films" / "film.mov")
    with pytest.raises(DataError, match=r"films: no images there but 1 file of for"):
        predict(run, tmp_path / "films")
