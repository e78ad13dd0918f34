"""Tests of two classifiers agree with published values, and hold their level."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm, t, ttest_1samp

from featx.evaluation.comparison import (
    LEVEL,
    bayesian_t_test,
    choice_optimism,
    corrected_t_test,
    count_votes,
    folds_inflation,
    holm,
    mcnemar_test,
)
from featx.splits import stratified_folds


def votes(gained, lost, ties=5):
    return np.array([[1] * gained + [-1] * lost + [0] * ties])


def test_votes_of_copies_are_one():
    ours = [True, True, False, True, False, True]
    theirs = [False, False, True, True, False, True]
    assert count_votes(ours, theirs).tolist() == [[1, 1, -1, 0, 0, 0]]
    groups = [7, 7, 7, 2, 2, 9]
    assert count_votes(ours, theirs, groups).tolist() == [[0, 1, 0]]
    twice = count_votes([ours, theirs], [theirs, theirs], groups)
    assert twice.tolist() == [[0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(("gained", "lost"), [(1, 7), (9, 2), (3, 3), (0, 5), (12, 12)])
def test_of_few_the_test_is_exact(gained, lost):
    expected = binomtest(gained, gained + lost).pvalue
    assert mcnemar_test(votes(gained, lost)) == pytest.approx(expected)
    assert mcnemar_test(votes(lost, gained)) == pytest.approx(expected)


def test_published_example():
    """Table 1 of Fagerland and others: exact p-value of 1 against 7."""
    assert mcnemar_test(votes(1, 7)) == pytest.approx(0.0703, abs=5e-5)


@pytest.mark.parametrize(("gained", "lost"), [(10, 15), (35, 10), (40, 40), (0, 400)])
def test_of_many_it_is_the_mid_p_value(gained, lost):
    n, fewer = gained + lost, min(gained, lost)
    exact = min(1.0, 2 * binom.cdf(fewer, n, 0.5))
    expected = exact - binom.pmf(fewer, n, 0.5) * (1.0 if gained != lost else 0.5)
    assert mcnemar_test(votes(gained, lost)) == pytest.approx(expected, rel=1e-9)


def test_no_disagreement():
    assert mcnemar_test(votes(0, 0)) == 1.0
    assert mcnemar_test(votes(0, 0), inflation=2.25) == 1.0


def test_votes_in_repeats_change_sign_together():
    rng = np.random.default_rng(0)
    cast = rng.choice([-1, 0, 1], (3, 9), p=[0.2, 0.3, 0.5])
    summed = cast.sum(axis=0)
    flips = [abs(np.dot(signs, summed)) for signs in product([-1, 1], repeat=9)]
    expected = np.mean(np.array(flips) >= abs(summed.sum()))
    assert mcnemar_test(cast) == pytest.approx(expected)


def test_an_inflation_widens_the_normal_distribution():
    plain, inflated = (mcnemar_test(votes(70, 40), inflation=i) for i in (1, 2.25))
    assert plain < 0.01
    assert inflated == pytest.approx(2 * norm.sf(30 / np.sqrt(2.25 * 110)))
    # It never makes a p-value smaller than the exact one.
    assert mcnemar_test(votes(5, 0), inflation=1.01) == mcnemar_test(votes(5, 0))


def test_repeats_do_not_take_the_inflation_away():
    once = votes(70, 40)
    assert mcnemar_test(np.tile(once, (4, 1)), inflation=2.25) == pytest.approx(
        mcnemar_test(once, inflation=2.25)
    )


def test_inflation_is_the_correction_of_a_mean_over_folds():
    assert folds_inflation(5) == pytest.approx(5 * (1 / 5 + 0.2 / 0.8))
    assert folds_inflation(10) == pytest.approx(10 * (1 / 10 + 0.1 / 0.9))


def test_holm():
    found = holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(found, [0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


DIFFERENCES = [0.02, 0.05, -0.01, 0.04, 0.03]


def test_corrected_t_test():
    """The plain test, with the error made larger by the square root of 2.25."""
    plain = ttest_1samp(DIFFERENCES, 0)
    expected = 2 * t.sf(plain.statistic / 1.5, 4)
    assert corrected_t_test(DIFFERENCES, 0.2) == pytest.approx(expected)
    repeated = corrected_t_test([DIFFERENCES, DIFFERENCES], 0.2)
    statistic = ttest_1samp(DIFFERENCES * 2, 0).statistic
    factor = np.sqrt(10 * (1 / 10 + 0.25))
    assert repeated == pytest.approx(2 * t.sf(statistic / factor, 9))


def test_bayesian_t_test():
    """The closed form that baycomp has for two classifiers on one data set."""
    mean, variance = np.mean(DIFFERENCES), np.var(DIFFERENCES, ddof=1)
    rho = 1 / 5
    scale = np.sqrt(variance * (1 / 5 + rho / (1 - rho)))
    left = t.cdf(-0.01, 4, loc=mean, scale=scale)
    right = 1 - t.cdf(0.01, 4, loc=mean, scale=scale)
    found = bayesian_t_test(DIFFERENCES, 0.2, 0.01)
    np.testing.assert_allclose(found, [right, 1 - left - right, left])
    mirrored = bayesian_t_test(-np.array(DIFFERENCES), 0.2, 0.01)
    np.testing.assert_allclose(mirrored, found[::-1])
    no_rope = bayesian_t_test(DIFFERENCES, 0.2, 0)
    p_value = corrected_t_test(DIFFERENCES, 0.2)
    assert no_rope.worse == pytest.approx(p_value / 2)


def test_folds_that_all_say_the_same():
    assert corrected_t_test([0.0] * 5, 0.2) == 1.0
    assert corrected_t_test([0.25] * 5, 0.2) == 0.0
    assert bayesian_t_test([0.0] * 5, 0.2, 0.01) == (0, 1, 0)
    assert bayesian_t_test([0.25] * 5, 0.2, 0.01) == (1, 0, 0)
    assert bayesian_t_test([-0.25] * 5, 0.2, 0.01) == (0, 0, 1)


def test_optimism():
    accuracies = [[[0.8, 0.9, 0.7]], [[0.9, 0.6, 0.7]], [[0.6, 0.6, 0.8]]]
    assert choice_optimism(accuracies, 0) == pytest.approx((0.1 + 0 + 0.1) / 3)
    assert choice_optimism(accuracies[:1], 0) == 0.0


# From here on: simulated data sets, and heads that are equally good because each has
# features of its own, drawn alike.


def ridge(X, y, Z, n_classes):
    mean, scale = X.mean(axis=0), X.std(axis=0) + 1e-9
    X, Z = ((rows - mean) / scale for rows in (X, Z))
    X, Z = (np.hstack([rows, np.ones((len(rows), 1))]) for rows in (X, Z))
    gram = X.T @ X + 10 * np.eye(X.shape[1])
    return (Z @ np.linalg.solve(gram, X.T @ np.eye(n_classes)[y])).argmax(axis=1)


def nearest(X, y, Z, n_classes):
    distances = (Z**2).sum(axis=1)[:, None] - 2 * Z @ X.T + (X**2).sum(axis=1)
    return y[distances.argmin(axis=1)]


def tree(X, y, Z, n_classes):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=0).fit(X, y).predict(Z)


def cross_validated(
    fit, seed, *, n=200, n_classes=5, scale=0.4, heads=2, repeats=1, better=0.0
):
    """Return hits, shape (heads, repeats, n), and accuracies of folds."""
    rng = np.random.default_rng(seed)
    y, groups = np.arange(n) % n_classes, np.arange(n)
    means = scale * rng.normal(size=(n_classes, 20))
    signal = [1 + better * (head == 0) for head in range(heads)]
    Xs = [share * means[y] + rng.normal(size=(n, 20)) for share in signal]
    hits = np.zeros((heads, repeats, n), bool)
    by_fold = np.zeros((heads, repeats, 5))
    for repeat in range(repeats):
        folds = stratified_folds(y, groups, folds=5, seed=repeat)
        for fold, (train, held_out) in enumerate(folds):
            for head, X in enumerate(Xs):
                found = fit(X[train], y[train], X[held_out], n_classes)
                hits[head, repeat, held_out] = found == y[held_out]
                by_fold[head, repeat, fold] = hits[head, repeat, held_out].mean()
    return hits, by_fold


def p_value(ours, theirs):
    return mcnemar_test(count_votes(ours, theirs), inflation=folds_inflation(5))


def rejected(fit, simulations, **options):
    """Return how often the test tells two heads apart."""
    found = 0
    for seed in range(simulations):
        (ours, theirs), _ = cross_validated(fit, seed, **options)
        found += p_value(ours, theirs) < LEVEL
    return found / simulations


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fit", "options"),
    [
        (ridge, {"n": 60, "n_classes": 3, "scale": 0.5}),
        (ridge, {}),
        (ridge, {"repeats": 3}),
        (nearest, {}),
        (nearest, {"repeats": 3}),
        (tree, {"n": 60, "n_classes": 3, "scale": 0.5}),
        (ridge, {"n_classes": 2, "scale": 0}),  # random labels
    ],
)
def test_false_alarms_are_rare(fit, options):
    assert rejected(fit, 200, **options) <= LEVEL


@pytest.mark.slow
def test_differences_are_found():
    assert rejected(ridge, 100, n=1000, n_classes=10, better=0.2) >= 0.9


@pytest.mark.slow
def test_on_random_labels_none_of_several_is_better():
    alarms = 0
    for seed in range(100):
        hits, _ = cross_validated(ridge, seed, n_classes=2, scale=0, heads=7)
        p_values = [p_value(hits[a], hits[b]) for a in range(7) for b in range(a)]
        alarms += holm(p_values).min() < LEVEL
    assert alarms <= 5


@pytest.mark.slow
def test_optimism_is_about_what_it_is():
    """Of seven equally good heads the highest accuracy is above the mean."""
    true, estimated = [], []
    for seed in range(100):
        _, by_fold = cross_validated(ridge, seed, n=300, heads=7)
        accuracy = by_fold.mean(axis=(1, 2))
        true.append(accuracy.max() - accuracy.mean())
        estimated.append(choice_optimism(by_fold, int(accuracy.argmax())))
    assert np.mean(estimated) == pytest.approx(np.mean(true), rel=0.3)
