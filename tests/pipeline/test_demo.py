"""The demo needs no network, and the recipes of its two sets say what it does."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from featx.cli.main import main
from featx.datasets.public_sets import write_public_set
from featx.datasets.settings import DatasetSettings
from featx.datasets.shapes import draw_image_set
from featx.errors import DataError
from featx.heads.settings import GROUPS, QUICK_HEADS
from featx.pipeline.demo import run_demo
from featx.runs.read import list_runs

PIPELINES = Path(__file__).parents[2] / "pipelines"


@pytest.mark.slow
def test_real_features_without_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    # Nothing listens there: as without a network, whatever this machine has.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    draw_image_set(tmp_path / "featx-demo" / "shapes", train_images=10, test_images=4)
    some = DatasetSettings(out=tmp_path / "featx-demo" / "digits", per_class=80)
    write_public_set("digits", some)
    done = CliRunner().invoke(main, ["demo"])
    assert done.exit_code == 0, done.stderr
    runs = list_runs(Path("featx-demo/reports"), note=pytest.fail)
    heads = len(GROUPS[QUICK_HEADS])
    names = [run.info.data.name for run in runs]
    assert sorted(names) == ["digits"] * heads + ["shapes"] * heads
    assert not any(run.random_weights for run in runs)
    digits = [run for run in runs if run.info.data.name == "digits"]
    assert max(run.metrics.accuracy for run in digits) > 0.96
    page = Path("featx-demo/reports/index.html").read_text(encoding="utf-8")
    assert "shapes" in page
    assert "digits" in page
    for name in ("demo", "digits"):
        done = CliRunner().invoke(main, ["run", str(PIPELINES / f"{name}.toml")])
        assert done.exit_code == 0, done.stderr
        # The recipe says what the demo does: nothing was left to fit.
        assert done.stderr.count("fitted before") == heads


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't write the demo's images"):
        run_demo(tmp_path / "file")
