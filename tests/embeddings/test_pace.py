"""How fast images are embedded is measured after the start, and remembered."""

import json

import pytest

from featx.embeddings import pace as module
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.extract import Extraction
from featx.embeddings.pace import PACE, Pace, find_rate
from featx.hardware import machine_kind
from tests.conftest import FakeExtractor, read_only


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set."""

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


def paced(clock, *reports):
    """Return a pace that got reports of (seconds, done)."""
    pace = Pace()
    for seconds, done in reports:
        clock.now = seconds
        pace(done, 1000)
    return pace


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path, FakeExtractor().spec)


def extraction(cache, *, computed=0, seconds=0.0):
    return Extraction(cache.spec, 9, 0, cache.folder, {}, computed, seconds)


STEADY = ((0, 0), (10, 0), (19, 32), (20, 64), (22, 132))


def test_what_comes_before_the_first_images_is_no_part_of_the_rate(clock):
    pace = paced(clock, *STEADY)
    assert pace.steps == 100
    assert pace.rate == pytest.approx(100 / 3)


def test_one_report_tells_no_rate(clock):
    assert paced(clock, (0, 0), (5, 32)).rate is None
    assert paced(clock).rate is None


def test_the_task_is_shown_as_before():
    shown = []
    pace = Pace(lambda *told: shown.append(told))
    pace(0, 9)
    pace(9, 9)
    assert shown == [(0, 9), (9, 9)]


def test_the_rate_is_remembered_for_images_that_are_in_the_cache(clock, cache):
    assert find_rate(extraction(cache), Pace(), cache) is None
    measured = find_rate(extraction(cache), paced(clock, *STEADY), cache)
    assert measured == pytest.approx(100 / 3)
    assert find_rate(extraction(cache), Pace(), cache) == 33.33
    kept = json.loads((cache.folder / "spec.json").read_text())
    assert kept[PACE] == {machine_kind(): {"rate": 33.33, "images": 100}}
    assert kept.items() >= cache.spec.as_dict().items()


def test_a_few_images_do_not_replace_what_many_told(clock, cache):
    find_rate(extraction(cache), paced(clock, *STEADY), cache)
    few = paced(clock, (0, 0), (1, 1), (2, 2))
    assert find_rate(extraction(cache), few, cache) == 33.33
    many = paced(clock, (0, 0), (1, 1), (2, 201))
    assert find_rate(extraction(cache), many, cache) == 200
    assert find_rate(extraction(cache), Pace(), cache) == 200


def test_of_one_batch_the_whole_time_counts(cache):
    done = extraction(cache, computed=20, seconds=4.0)
    assert find_rate(done, Pace(), cache) == 5
    assert find_rate(extraction(cache), Pace(), cache) == 5


@pytest.mark.parametrize(
    "kept",
    [5, {"x": 1}, {"rate": "9", "images": 1}, {"rate": 0, "images": 500}, {"rate": 3}],
    ids=repr,
)
def test_a_damaged_entry_is_none(cache, kept):
    with cache.writable({PACE: {machine_kind(): kept}}):
        pass
    assert find_rate(extraction(cache), Pace(), cache) is None


def test_a_cache_that_cannot_be_written_to_is_no_trouble(open_folder, clock):
    cache = EmbeddingCache(open_folder / "cache", FakeExtractor().spec)
    with cache.writable():
        pass
    with read_only(cache.root):
        rate = find_rate(extraction(cache), paced(clock, *STEADY), cache)
        assert rate == pytest.approx(100 / 3)
        assert find_rate(extraction(cache), Pace(), cache) is None
