"""Held-out images choose how much of the change in weights to keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.finetuning.choice import MAIN, WARMUP, Trial, average, choose
from featx.finetuning.settings import FinetuneSettings
from featx.training.log import EpochLog

LABELS = np.tile(np.arange(3), 20)


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)


def answers(strength, *, sure=1.0, seed=0):
    """Return probabilities, (1, 60, 3), that know the class the better the stronger."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(LABELS), 3))
    logits[np.arange(len(LABELS)), LABELS] += strength
    return softmax(sure * logits)[None]


def trial(views, rows=None, *, loss=0.5):
    rows = np.arange(len(LABELS)) if rows is None else rows
    row = {"loss": loss, "accuracy": 0.5, "learning_rate": 1e-4, "seconds": 1.0}
    views = {share: found[:, rows] for share, found in views.items()}
    return Trial(
        logs={MAIN: EpochLog(rows=[row, row])},
        rates={MAIN: [2e-4, 1e-4]},
        held_out=rows,
        head_probabilities=views[min(views)][0].astype(np.float64),
        views=views,
        samples=len(LABELS),
    )


@given(st.floats(0, 1))
def test_an_average_keeps_a_share_of_the_change(share):
    before, after = [np.ones((2, 3)), np.zeros(4)], [np.full((2, 3), 3.0), np.ones(4)]
    kept = average(before, after, share)
    np.testing.assert_allclose(kept[0], 1 + 2 * share)
    np.testing.assert_allclose(kept[1], share)


def test_the_share_with_the_least_loss_is_chosen():
    views = {0.0: answers(1), 0.5: answers(3), 1.0: answers(2)}
    choice = choose([trial(views)], LABELS, FinetuneSettings())
    assert choice.share == 0.5
    assert choice.rates == {MAIN: [2e-4, 1e-4]}
    assert [one.share for one in choice.candidates] == [0, 0.5, 1]
    assert min(choice.candidates, key=lambda one: one.log_loss).share == 0.5
    np.testing.assert_allclose(choice.probabilities, views[0.5][0], rtol=1e-5)


def test_a_model_that_is_too_sure_is_judged_at_its_own_temperature():
    views = {0.0: answers(1.5), 1.0: answers(2, sure=40)}
    plain = [-np.log(one[0, np.arange(60), LABELS]).mean() for one in views.values()]
    assert plain[1] > plain[0]  # or the test shows nothing
    choice = choose([trial(views)], LABELS, FinetuneSettings())
    assert choice.share == 1
    assert choice.temperature > 2


def test_nothing_is_kept_where_nothing_helps():
    views = {0.0: answers(3), 0.5: answers(2), 1.0: answers(1)}
    choice = choose([trial(views)], LABELS, FinetuneSettings())
    assert choice.share == 0
    assert choice.rates == {MAIN: []}
    # Of equal ones the least change.
    same = choose([trial(dict.fromkeys(views, answers(2)))], LABELS, FinetuneSettings())
    assert same.share == 0


def test_trials_are_judged_together():
    parts = np.array_split(np.random.default_rng(0).permutation(60), 3)
    views = {0.0: answers(1), 1.0: answers(3)}
    losses = zip(parts, (1, 2, 6), strict=True)
    trials = [trial(views, rows, loss=loss) for rows, loss in losses]
    choice = choose(trials, LABELS, FinetuneSettings())
    assert sorted(choice.held_out) == list(range(60))
    np.testing.assert_allclose(choice.probabilities, views[1.0][0, choice.held_out])
    assert choice.trials == 3
    assert choice.history["loss"] == [3, 3]
    whole = choose([trial(views)], LABELS, FinetuneSettings())
    for one, other in zip(choice.candidates, whole.candidates, strict=True):
        assert one == pytest.approx(other, rel=1e-6)


def test_classes_may_count_alike():
    # The first class is rare: what helps it hurts the many others.
    rows = np.flatnonzero((LABELS > 0) | (np.arange(60) < 3))
    fair, rare = answers(2), answers(1.6)
    fair[:, LABELS == 0] = answers(0)[:, LABELS == 0]
    rare[:, LABELS == 0] = answers(4)[:, LABELS == 0]
    views = {0.0: fair, 1.0: rare}
    assert choose([trial(views, rows)], LABELS, FinetuneSettings()).share == 0
    balanced = FinetuneSettings(class_weight="balanced")
    assert choose([trial(views, rows)], LABELS, balanced).share == 1


def test_an_epoch_may_be_chosen_instead():
    settings = FinetuneSettings(choose="epoch", patience=2)
    choice = choose([trial({1.0: answers(2)})], LABELS, settings)
    assert choice.share == 1
    assert choice.candidates == ()


def test_epochs_count_through_the_warmup():
    row = {"loss": 1.0, "accuracy": 0.5, "learning_rate": 1e-3, "seconds": 1.0}
    one = trial({1.0: answers(2)})
    logs = {WARMUP: EpochLog(rows=[row] * 3), **one.logs}
    warmed = Trial(**{**vars(one), "logs": logs})
    history = choose([warmed], LABELS, FinetuneSettings()).history
    assert history["epoch"] == [1, 2, 3, 4, 5]
    assert history["phase"] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"patience": 3}, "`patience`"),
        ({"monitor": "accuracy"}, "`monitor`"),
        ({"min_delta": 0.1}, "`min_delta`"),
        ({"schedule": "plateau"}, "plateau `schedule`"),
    ],
)
def test_what_chooses_an_epoch_needs_one_to_be_chosen(given, named):
    with pytest.raises(ValueError, match=f"{named}.*`choose` to epoch"):
        FinetuneSettings(**given)
    FinetuneSettings(choose="epoch", **given)
