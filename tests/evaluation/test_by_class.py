"""Means over classes: intervals that know how little a rare class says."""

import numpy as np
import pytest

from featx.evaluation.by_class import Answers, ByClass, Smoothed, macro_intervals

MACROS = {
    "balanced": ByClass.balanced_accuracy,
    "precision": lambda classes: classes.macro("precision"),
    "f1": lambda classes: classes.macro("f1"),
}


def answers(counts, wrong=(), copies=None):
    """Return answers that are right but for some rows, taken for the next class."""
    y = np.repeat(np.arange(len(counts)), counts)
    codes = y.copy()
    codes[list(wrong)] = (y[list(wrong)] + 1) % len(counts)
    ones = np.ones(len(y), int) if copies is None else copies
    return Answers(y, codes, ones, len(counts))


def test_a_rare_class_makes_the_interval_wide():
    rare = macro_intervals(answers([152, 8]), MACROS, seed=0)
    balanced = macro_intervals(answers([80, 80]), MACROS, seed=0)
    for name in MACROS:
        assert rare[name][1] == balanced[name][1] == 1
        assert rare[name][0] < 0.93
        assert 0.97 < balanced[name][0] < 0.985


def test_as_a_share_where_classes_are_alike():
    """Balanced accuracy of balanced classes is the accuracy: Wilson's 0.904, 0.974."""
    found = macro_intervals(answers([40] * 4, wrong=range(0, 160, 20)), MACROS, seed=0)
    assert found["balanced"] == pytest.approx([0.904, 0.976], abs=0.005)


def test_the_score_lies_in_its_interval_with_singletons():
    counts = [1] * 50 + [20] * 5
    many = answers(counts, wrong=range(0, 150, 4))
    found = macro_intervals(many, MACROS, seed=0)
    for name, macro in MACROS.items():
        low, high = found[name]
        assert 0 <= low < macro(many.by_class()) < high <= 1


def test_the_precision_of_a_class_never_named_may_be_anything():
    y = np.repeat([0, 1], [90, 10])
    found = macro_intervals(
        Answers(y, np.zeros(100, int), np.ones(100, int), 2), MACROS, seed=0
    )
    assert found["precision"][1] > 0.9


def test_copies_count_as_one():
    once = macro_intervals(answers([10, 10], wrong=[0]), MACROS, seed=0)
    four = answers([10, 10], wrong=[0], copies=np.full(20, 4))
    for name, interval in macro_intervals(four, MACROS, seed=0).items():
        assert interval == pytest.approx(once[name])


@pytest.mark.parametrize("pooled", [True, False])
def test_resamples_vary_around_what_is_expected(pooled):
    smoothed = Smoothed(answers([30, 6, 12], wrong=[0, 7, 33, 40]), pooled=pooled)
    some = list(smoothed.resamples(9000, seed=0))
    drawn = np.concatenate([one.recall for one in some])
    np.testing.assert_allclose(
        np.mean(drawn, axis=0), smoothed.expected().recall, atol=0.01
    )
    claimed = smoothed.expected().precision
    drawn = np.concatenate([one.precision for one in some])
    np.testing.assert_allclose(np.mean(drawn, axis=0), claimed, atol=0.03)


def test_one_class_alone():
    found = macro_intervals(answers([5, 0]), MACROS, seed=0)
    assert found["balanced"][1] == 1
    assert found["balanced"][0] < 0.75
