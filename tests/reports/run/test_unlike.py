"""The test images that are like nothing in training, on a run's page."""

import numpy as np
import pytest
from PIL import Image

from featx.evaluation.familiarity import Familiarity
from featx.reports.run import unlike
from featx.reports.run.page import render_run
from featx.runs.run import Run
from tests.reports.pages import Page, section_words


@pytest.fixture
def with_distances(monkeypatch):
    """Return a function that gives a run's test images these distances."""

    def give(run, far):
        test = np.full(run.metrics.n_test, 0.3, np.float32)
        test[: len(far)] = far
        known = Familiarity(
            rows=np.ones((300, 2), np.int8),
            distances=np.linspace(0, 0.5, 300, dtype=np.float32),
            map_shape=None,
            test=test,
        )
        monkeypatch.setattr(Run, "familiarity", lambda _: known)
        return run

    return give


def test_the_farthest_come_first(plain_figures, make_run, with_distances, tmp_path):
    root = tmp_path / "data"
    run = with_distances(make_run(root=root), [0.6, 0.9, 0.7])
    (root / "test").mkdir(parents=True)
    paths = run.predictions().paths
    Image.new("RGB", (400, 200), "teal").save(root / paths[1])
    page = Page(render_run(run))
    _, _, section = page.words.partition("Test images like nothing in training")
    assert "3 of 18 test images are farther" in section
    assert "about 0 would be by chance" in section
    places = [section.index(paths[i]) for i in (1, 2, 0)]
    assert places == sorted(places)
    assert sum(x.startswith("data:image/jpeg") for x in page.links) >= 1


def test_more_than_are_listed(make_run, with_distances):
    run = with_distances(make_run(), [0.8] * 14)
    words = section_words(unlike.SECTION, run)
    assert "14 of 18 test images are farther" in words
    assert "The 12 farthest:" in words


def test_none_is(make_run, with_distances):
    words = section_words(unlike.SECTION, with_distances(make_run(), []))
    assert words.startswith("0 of 18 test images are farther")
    assert "belong" not in words


def test_a_run_that_cannot_tell(plain_figures, make_run):
    assert "like nothing in training" not in Page(render_run(make_run())).words
