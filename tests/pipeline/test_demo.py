"""The demo needs no network, and is made again from what it left."""

import pytest

from featx.datasets.shapes import draw_image_set
from featx.errors import DataError
from featx.heads.settings import GROUPS, QUICK_HEADS
from featx.pipeline.demo import run_demo


@pytest.mark.slow
def test_real_features_without_network(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    # Nothing listens there: as without a network, whatever this machine has.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    draw_image_set(tmp_path / "demo" / "shapes", train_images=10, test_images=4)
    done = run_demo(tmp_path / "demo")
    assert {name: len(runs) for name, runs in done.runs.items()} == {
        "shapes": len(GROUPS[QUICK_HEADS]),
        "digits": len(GROUPS[QUICK_HEADS]),
    }
    assert not any(run.random_weights for runs in done.runs.values() for run in runs)
    assert max(run.metrics.accuracy for run in done.runs["digits"]) > 0.96
    page = done.report.page.read_text(encoding="utf-8")
    assert "shapes" in page
    assert "digits" in page


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't write the demo's images"):
        run_demo(tmp_path / "file")
