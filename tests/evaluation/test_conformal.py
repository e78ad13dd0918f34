"""Prediction sets are those of the reference formula, and cover what they promise."""

import numpy as np
import pytest

from featx.evaluation.conformal import SetRule, calibrate_sets
from featx.evaluation.cross_validation import cross_validate
from featx.heads.table import make_head
from featx.heads.views import ViewsHead


def drawn(n, rng, classes=5):
    """Return probabilities, and labels drawn from others that are somewhat alike."""
    logits = rng.normal(size=(n, classes)) * 2
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((n, 1)) > right.cumsum(axis=1)).sum(axis=1)
    said = np.exp(1.5 * logits)
    return said / said.sum(axis=1, keepdims=True), labels.clip(0, classes - 1)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("n", [40, 99, 1000])
def test_the_reference_formula(n, coverage):
    """Of Sadinle, Lei and Wasserman, 2019: the quantile of a score for n + 1 images."""
    rng = np.random.default_rng(n)
    probabilities, labels = drawn(n, rng)
    scores = 1 - probabilities[np.arange(n), labels]
    level = np.ceil((n + 1) * coverage - 1e-9) / n
    limit = np.quantile(scores, level - 1e-9, method="inverted_cdf")
    new, _ = drawn(50, rng)
    expected = 1 - new <= limit + 1e-9
    expected[np.arange(50), new.argmax(axis=1)] = True
    rule = calibrate_sets(probabilities, labels, np.arange(n), coverage)
    np.testing.assert_array_equal(rule.members(new), expected)
    assert (rule.coverage, rule.n) == (coverage, n)


def test_more_coverage_makes_larger_sets():
    probabilities, labels = drawn(300, np.random.default_rng(0))
    sizes = [
        calibrate_sets(probabilities, labels, np.arange(300), coverage)
        .members(probabilities)
        .sum()
        for coverage in (0.5, 0.8, 0.9, 0.99)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_copies_count_as_one():
    probabilities, labels = drawn(60, np.random.default_rng(1))
    copies = np.repeat(np.arange(60), np.arange(60) % 7 + 1)
    once = calibrate_sets(probabilities, labels, np.arange(60), 0.9)
    many = calibrate_sets(probabilities[copies], labels[copies], copies, 0.9)
    assert many == once
    apart = calibrate_sets(
        probabilities[copies], labels[copies], np.arange(len(copies)), 0.9
    )
    assert apart.n == len(copies)


def test_too_few_images_promise_nothing():
    probabilities, labels = drawn(18, np.random.default_rng(2))
    rule = calibrate_sets(probabilities, labels, np.arange(18), 0.95)
    assert rule.least == 0
    assert rule.members(probabilities).all()
    probabilities, labels = drawn(19, np.random.default_rng(2))
    assert calibrate_sets(probabilities, labels, np.arange(19), 0.95).least > 0


def test_a_set_has_at_least_the_most_probable_class():
    rule = SetRule(0.5, 0.9, 100)
    members = rule.members(np.array([[0.4, 0.3, 0.3], [0.02, 0.95, 0.03]]))
    assert members.tolist() == [[True, False, False], [False, True, False]]


def test_probabilities_that_were_rounded_are_in_the_set():
    rule = SetRule(0.9, float(np.float32(1 / 3)), 100)
    assert rule.members(np.array([[0.666667, 0.333333]])).all()


@pytest.mark.parametrize("coverage", [0, 1, 1.5, -0.1, float("nan")])
def test_a_coverage_that_is_none(coverage):
    with pytest.raises(ValueError, match="not between 0 and 1"):
        calibrate_sets(np.eye(2), np.arange(2), np.arange(2), coverage)


@pytest.mark.slow
@pytest.mark.parametrize("coverage", [0.9, 0.95])
def test_held_out_images_of_one_classifier_are_covered_exactly(coverage):
    """On average over draws; the probabilities themselves are wrong on purpose."""
    rng = np.random.default_rng(3)
    reached = []
    for _ in range(1000):
        probabilities, labels = drawn(199, rng)
        rule = calibrate_sets(probabilities, labels, np.arange(199), coverage)
        new, truth = drawn(200, rng)
        reached.append(rule.members(new)[np.arange(200), truth].mean())
    error = np.std(reached) / np.sqrt(len(reached))
    assert abs(np.mean(reached) - coverage) < 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("coverage", [0.9, 0.95])
def test_a_cross_validation_covers_new_images(coverage):
    """The head that is asked was fitted on all, those of the folds on four fifths."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(4, 12))

    def images(n):
        y = np.arange(n) % 4
        return (0.7 * centres[y] + rng.normal(size=(n, 12)))[:, None], y

    def fit(X, y, _groups, **_):
        return ViewsHead(make_head("lda").fit(X[:, 0], y))

    reached = []
    for _ in range(100):
        X, y = images(160)
        groups = np.arange(len(y))
        found = cross_validate(fit, X, y, groups, weight=np.ones(len(y)))
        head = fit(X, y, groups)
        head.head.temperature_ = found.temperature
        rule = calibrate_sets(found.probabilities, y, groups, coverage)
        new, truth = images(400)
        members = rule.members(head.predict_proba(new))
        reached.append(members[np.arange(400), truth].mean())
    error = np.std(reached) / np.sqrt(len(reached))
    assert -4 * error < np.mean(reached) - coverage < 0.03
