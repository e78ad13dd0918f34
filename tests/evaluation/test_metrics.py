"""Metrics are scikit-learn's; intervals are sane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from featx.evaluation.intervals import share_interval
from featx.evaluation.metrics import METRICS, evaluate


def make_case(seed, n, n_classes, skill=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes))
    logits[np.arange(n), y] += skill
    p = np.exp(logits)
    return y, (p / p.sum(axis=1, keepdims=True)).astype(dtype)


def names(n_classes):
    return [f"class {i}" for i in range(n_classes)]


cases = st.builds(
    make_case,
    seed=st.integers(0, 2**31),
    n=st.integers(1, 40),
    n_classes=st.integers(2, 12),
    skill=st.floats(0, 5),
    dtype=st.sampled_from([np.float64, np.float32]),
)


@pytest.mark.filterwarnings("ignore:A single label was found", "ignore:y_pred contains")
@given(cases)
def test_equal_scikit_learns(case):
    y, p = case
    n_classes = p.shape[1]
    predicted = p.argmax(axis=1)
    codes = np.arange(n_classes)
    found = evaluate(y, p, names(n_classes))
    macro = {"average": "macro", "zero_division": 0}
    expected = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
        "precision_macro": metrics.precision_score(y, predicted, **macro),
        "recall_macro": metrics.recall_score(y, predicted, **macro),
        "f1_macro": metrics.f1_score(y, predicted, **macro),
        "log_loss": metrics.log_loss(y, p, labels=codes),
    }
    if n_classes > 5:
        expected["top5_accuracy"] = metrics.top_k_accuracy_score(
            y, p if n_classes > 2 else p[:, 1], k=5, labels=codes
        )
    assert {k: found[k] for k in expected} == pytest.approx(expected)
    assert ("top5_accuracy" in found) == (n_classes > 5)
    matrix = metrics.confusion_matrix(y, predicted, labels=codes)
    assert found["confusion_matrix"] == matrix.tolist()
    report = metrics.classification_report(
        y,
        predicted,
        labels=codes,
        target_names=names(n_classes),
        output_dict=True,
        zero_division=0,
    )
    for name in names(n_classes):
        theirs = report[name]
        theirs["f1"] = theirs.pop("f1-score")
        assert found["per_class"][name] == pytest.approx(theirs)
    assert found["n_test"] == len(y)
    assert found["classes"] == names(n_classes)


@given(cases)
def test_intervals_are_ordered_and_in_bounds(case):
    y, p = case
    found = evaluate(y, p, names(p.shape[1]))
    scores = {metric.key for metric in METRICS if metric.key in found}
    assert set(found["intervals"]) == scores - {"ece"}
    for name, (low, high) in found["intervals"].items():
        assert 0 <= low <= high
        assert high <= 1 + 1e-12 or name in {"log_loss", "brier"}


@given(st.integers(0, 2**31), st.integers(2, 12), st.booleans())
def test_intervals_contain_the_score(seed, n_classes, absent):
    y, p = make_case(seed, 20 * n_classes, n_classes)
    if absent:  # a class without test images that is predicted all the same
        p = p[y != 0]
        y = y[y != 0]
    found = evaluate(y, p, names(n_classes))
    for name, (low, high) in found["intervals"].items():
        assert low - 1e-12 <= found[name] <= high + 1e-12, name
        assert high - low > 0


def test_a_perfect_classifier():
    y = np.arange(8)
    found = evaluate(y, np.eye(8), names(8))
    for name in ("accuracy", "f1_macro", "top5_accuracy", "balanced_accuracy"):
        assert found[name] == 1
        low, high = found["intervals"][name]
        assert (0.4 if name in {"f1_macro", "balanced_accuracy"} else 0.5) < low < 0.9
        assert high == 1
    assert found["log_loss"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_certain_and_wrong_is_finite(dtype):
    y = np.array([0, 1, 1])
    found = evaluate(y, np.array([[1, 0], [0, 1], [1, 0]], dtype), ["a", "b"])
    low, high = found["intervals"]["log_loss"]
    assert low <= found["log_loss"] <= high < 40


def test_top5_never_lies_below_accuracy_on_ties():
    found = evaluate(np.zeros(3, int), np.full((3, 9), 1 / 9), names(9))
    assert found["accuracy"] == found["top5_accuracy"] == 1


def test_same_seed_same_intervals():
    y, p = make_case(0, 50, 6)
    first, again, other = (evaluate(y, p, names(6), seed=s) for s in (0, 0, 1))
    assert first == again
    assert first["intervals"] != other["intervals"]
    assert first["accuracy"] == other["accuracy"]


@pytest.mark.parametrize(
    ("y", "shape"), [([0, 1], (3, 2)), ([0, 1], (2, 3)), ([], (0, 2))]
)
def test_shapes_that_do_not_fit(y, shape):
    with pytest.raises(ValueError, match=r"probabilities, .* labels, 2 classes"):
        evaluate(np.array(y, int), np.ones(shape), ["a", "b"])


def test_copies_count_in_scores_and_not_in_intervals():
    y = np.arange(40) % 4
    probabilities = np.eye(4)[y]
    once = evaluate(y, probabilities, names(4))
    groups = np.repeat(np.arange(40), 4)
    four = evaluate(y[groups], probabilities[groups], names(4), groups=groups)
    assert (four["n_test"], four["n_test_distinct"]) == (160, 40)
    assert (once["n_test"], once["n_test_distinct"]) == (40, 40)
    assert four["n_test_effective"] == once["n_test_effective"] == 40
    for name, interval in once["intervals"].items():
        assert four["intervals"][name] == pytest.approx(interval), name


def test_copies_with_different_labels_are_kept_apart():
    y = np.array([0, 1, 0, 1])
    found = evaluate(y, np.full((4, 2), 0.5), names(2), groups=np.array([0, 0, 1, 2]))
    assert (found["n_test_distinct"], found["n_test_effective"]) == (3, 4)
    assert found["intervals"]["accuracy"] == share_interval(0.5, 4)
