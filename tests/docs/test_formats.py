"""The reading examples of docs/formats.md run, and give what was written."""

import re
from pathlib import Path

import numpy as np
import pytest

from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.export.export import export as export_model
from featx.heads.file import head_bytes
from featx.heads.table import make_head
from featx.images.decoding import decode
from featx.images.layouts.options import DataSettings
from featx.networks.settings import NetworkSettings
from featx.pipeline.cache import run_export
from featx.pipeline.train import run_train
from featx.runs.cv_predictions import write_cv_predictions
from featx.runs.familiarity import familiarity_bytes
from featx.runs.settings import ReportSettings
from tests.conftest import make_colours, write_image
from tests.heads.blobs import make_blobs
from tests.runs.conftest import FINETUNED
from tests.runs.test_cv_predictions import predictions
from tests.runs.test_familiarity import familiarity

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"
EXAMPLES = re.findall(
    r"```python\n(.*?)```", FORMATS.read_text("utf-8"), flags=re.DOTALL
)


def run_example(marker):
    (code,) = [example for example in EXAMPLES if marker in example]
    names = {}
    exec(compile(code, "formats.md", "exec"), names)
    assert "import featx" not in code
    return names


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    make_colours(folder / "data", size=(40, 40))
    return folder


def export(folder, suffix):
    settings = ExtractSettings(
        backbone="mobilenet-0.25", image_size=32, weights="random", precision="float32"
    )
    return run_export(
        DataSettings(path=folder / "data"),
        folder / f"export{suffix}",
        extract=[settings],
        cache=CacheSettings(folder=folder / "cache"),
    )


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".parquet"])
def test_reading_an_export(folder, monkeypatch, suffix):
    monkeypatch.chdir(folder)
    written = export(folder, suffix)
    read = run_example(f'"export{suffix}"')
    np.testing.assert_array_equal(read["X"], written.X)
    np.testing.assert_array_equal(read["y"], written.images.labels)
    np.testing.assert_array_equal(np.flatnonzero(read["is_test"]), written.test)
    assert list(read["classes"]) == list(written.images.classes)
    assert read["specs"] == [spec.as_dict() for spec in written.specs]


def test_reading_a_part(folder, monkeypatch):
    monkeypatch.chdir(folder)
    written = export(folder, ".npz")
    (part,) = (folder / "cache").glob("*/part-*.h5")
    (folder / "part.h5").write_bytes(part.read_bytes())
    read = run_example('"part.h5"')
    assert {bytes(key) for key in read["keys"]} == {
        bytes(key) for key in written.split.keys
    }
    assert read["rows"].shape == written.X.shape


def test_asking_an_exported_model(folder, monkeypatch):
    monkeypatch.chdir(folder)
    settings = NetworkSettings(name="basenet", epochs=1, image_size=32)
    (run,) = run_train(
        DataSettings(path=folder / "data"),
        [settings],
        report=ReportSettings(out_dir=folder / "reports"),
    )
    export_model(run, "keras", cache_dir=folder / "cache")
    predictions = run.predictions()
    photo = (folder / "data" / predictions.paths[-1]).read_bytes()
    (run.path / "photo.png").write_bytes(photo)
    monkeypatch.chdir(run.path)
    asked = run_example("keras.saving.load_model")
    expected = predictions.probabilities[-1]
    np.testing.assert_allclose(asked["probabilities"], expected, atol=1e-5)
    assert asked["predicted"] == run.classes[expected.argmax()]


def test_resizing_an_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image(Path("photo.png"), (9, 99, 200), size=(300, 320), noise=40)
    shown = run_example("ImageOps.pad")
    content = Path("photo.png").read_bytes()
    for way, past in (("crop", "cropped"), ("pad", "padded")):
        expected = decode(content, (224, 224), way)
        np.testing.assert_array_equal(shown[past], expected)


@pytest.mark.parametrize("name", ["svm", "gboost"])
def test_reading_a_head(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = make_blobs([9, 9])
    fitted = make_head(name).fit(X, y)
    Path("head.safetensors").write_bytes(head_bytes(fitted))
    read = run_example('"head.safetensors"')
    assert read["head"]["head"] == name
    assert read["head"]["parameters"] == fitted.get_params()
    assert read["arrays"]["classes_"].tolist() == [0, 1]
    if name == "gboost":
        assert [one["kind"] for one in read["head"]["layers"]["layers_"]] == [
            *("trees", "dense")
        ]
        assert read["arrays"]["layers_.0.features"].max() < X.shape[1]


def test_all_that_a_fine_tuned_run_says_is_described():
    _, _, said = FORMATS.read_text("utf-8").partition("For a fine-tuned model,")
    boundary = ("layer", "seconds_caching", "seconds_epoch", "seconds_epoch_plain")
    info = ("kind", "parent", "parameters", "trainable_parameters")
    columns = ("epoch", "phase", "learning_rate", "seconds")
    keys = [
        *FINETUNED,
        *FINETUNED["parent"],
        *FINETUNED["graft"],
        *boundary,
        *info,
        *columns,
    ]
    assert [key for key in keys if f"`{key}`" not in said] == []


def test_reading_what_tells_unlike_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = familiarity()
    Path("familiarity.safetensors").write_bytes(familiarity_bytes(given))
    read = run_example('"familiarity.safetensors"')
    expected = given.nearer_share(given.test)
    np.testing.assert_array_equal(read["unlike_training"], expected)
    np.testing.assert_array_equal(read["known"]["rows"], given.rows)


def test_reading_cross_validated_predictions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = predictions()
    write_cv_predictions(Path("cv_predictions.h5"), given)
    read = run_example('"cv_predictions.h5"')
    assert tuple(read["paths"]) == given.paths
    np.testing.assert_array_equal(read["probabilities"], given.probabilities)
    np.testing.assert_array_equal(read["labels"], given.labels)
    np.testing.assert_array_equal(read["hits"], given.correct)
