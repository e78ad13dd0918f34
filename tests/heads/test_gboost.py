"""Boosted trees see a part of the features at a time."""

import itertools

import numpy as np
import pytest
import xgboost

from featx.heads import gboost
from featx.heads.table import make_head
from tests.heads.blobs import make_blobs


@pytest.fixture
def asked(monkeypatch):
    """What XGBoost is asked for: parameters, and the features of each call."""
    calls = []
    original = xgboost.train

    def recorded(settings, data, *given, **named):
        calls.append((settings, data.num_col()))
        return original({**settings, "device": "cpu"}, data, *given, **named)

    monkeypatch.setattr(xgboost, "train", recorded)
    return calls


def test_all_features_have_their_turn(asked):
    X, y = make_blobs([10, 10], width=640)
    head = make_head("gboost", rounds=40, feature_share=0.1).fit(X, y)
    assert [columns for _, columns in asked] == [64] * 20
    used = head.layers_[0].features
    by_call = used.reshape(20, -1)  # two rounds each
    for first, second in itertools.pairwise(by_call[:10]):
        assert not set(first) & set(second) - {0}  # 0 stands for no feature, too


def test_few_features_are_all_used(asked):
    X, y = make_blobs([10, 10], width=20)
    make_head("gboost", rounds=4).fit(X, y)
    assert [columns for _, columns in asked] == [20, 20]


def test_many_classes_have_fewer_rounds_and_larger_steps(asked, monkeypatch):
    monkeypatch.setattr(gboost, "MAX_TREES", 120)
    X, y = make_blobs([3] * 4)
    head = make_head("gboost").fit(X, y)
    assert len(head.history_["loss"]) == 30
    assert len(head.layers_[0].leaves) == 120
    assert asked[0][0]["learning_rate"] == pytest.approx(1 / 3, abs=0.034)


@pytest.mark.parametrize(
    ("gpu", "cuda", "small", "device"),
    [
        (True, True, 0, "cuda"),
        (True, True, 10**6, "cpu"),
        (False, True, 0, "cpu"),
        (True, False, 0, "cpu"),
    ],
)
def test_a_gpu_is_used_where_it_pays(asked, monkeypatch, gpu, cuda, small, device):
    monkeypatch.setattr(gboost, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": cuda})
    monkeypatch.setattr(gboost, "SMALL", small)
    make_head("gboost", rounds=2).fit(*make_blobs([10, 10]))
    assert [settings["device"] for settings, _ in asked] == [device]


def test_the_seed_decides_and_changes_little():
    X, y = make_blobs([15] * 5, width=100, apart=6)
    unseen, truth = make_blobs([40] * 5, width=100, apart=6, seed=1)
    heads = [
        make_head("gboost", rounds=60, random_state=seed).fit(X, y)
        for seed in (0, 0, 1)
    ]
    once, again, other = (head.predict_proba(unseen) for head in heads)
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1e-3
    accuracies = [(p.argmax(axis=1) == truth).mean() for p in (once, other)]
    assert min(accuracies) > 0.8
    assert abs(accuracies[0] - accuracies[1]) < 0.1
