"""Views are rows to train on, and one vote each at the test."""

import numpy as np
import pytest

from featx.evaluation.cross_validation import cross_validate
from featx.heads import training
from featx.heads.table import HEADS
from featx.heads.tuning import fit_head
from featx.heads.views import fit_views
from tests.heads.blobs import make_blobs


@pytest.fixture
def blobs():
    X, y = make_blobs([12, 12, 12])
    noise = np.random.default_rng(1).normal(0, 0.3, X.shape).astype(X.dtype)
    return np.stack([X, X + noise], axis=1), y


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "conv" else [])
        for name in HEADS
    ],
)
def test_one_view_is_the_plain_head(blobs, name):
    views, y = blobs
    groups = np.arange(len(y))
    single = fit_views(name, views[:, :1], y, groups)
    plain = fit_head(name, views[:, 0], y, groups)
    np.testing.assert_allclose(
        single.predict_proba(views[:, :1]), plain.predict_proba(views[:, 0]), rtol=1e-5
    )


def test_all_views_train_and_vote(blobs):
    views, y = blobs
    groups = np.arange(len(y))
    both = fit_views("logreg", views, y, groups)
    rows = np.concatenate([views[:, 0], views[:, 1]])
    stacked = fit_head("logreg", rows, np.tile(y, 2), np.tile(groups, 2))
    np.testing.assert_allclose(both.head.coef_, stacked.coef_, atol=1e-3)
    each = [both.head.predict_proba(views[:, v]) for v in range(2)]
    np.testing.assert_allclose(both.predict_proba(views), np.mean(each, axis=0))
    np.testing.assert_array_equal(
        both.predict(views), both.predict_proba(views).argmax(axis=1)
    )


def test_views_of_one_image_never_fall_on_both_sides(blobs):
    views, y = blobs
    seen = []

    class Recorder:
        classes_ = np.unique(y)

        def logits(self, held_out):
            seen[-1].append(held_out)
            return np.zeros((*held_out.shape[:2], len(self.classes_)))

    def fit(train, labels, groups, *, seed):
        seen.append([train])
        return Recorder()

    cross_validate(fit, views, y, np.arange(len(y)), folds=4)
    for train, held_out in seen:
        assert len(train) + len(held_out) == len(y)
        for image in held_out:
            apart = [np.abs(train - view).max(axis=2).min() for view in image]
            assert min(apart) > 0


def test_inner_splits_keep_the_views_of_an_image_together(blobs, monkeypatch):
    views, y = blobs
    splits = []
    original = training.hold_out

    def recorded(labels, groups, **options):
        splits.append(groups)
        return original(labels, groups, **options)

    monkeypatch.setattr(training, "hold_out", recorded)
    fit_views("softmax", views, y, np.arange(len(y)))
    for groups in splits:
        np.testing.assert_array_equal(groups, np.arange(len(y)).repeat(2))
