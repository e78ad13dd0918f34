"""What every head promises; a new row of `HEADS` is tested by being there."""

import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from featx.heads.file import head_bytes, read_head
from featx.heads.table import HEADS, make_head
from tests.heads.blobs import make_blobs

FOREST = "sklearn.ensemble.ExtraTreesClassifier"
LINEAR = "sklearn.linear_model.RidgeClassifier"

NAMES = sorted([*HEADS, FOREST, LINEAR])
"""Every head, and two classifiers of scikit-learn: one gives probabilities, the other
scores."""

FAST = {
    "softmax": {"epochs": 25, "learning_rate": 0.02},
    "mlp": {"epochs": 15, "learning_rate": 0.01, "hidden": "16"},
    "conv": {"epochs": 20, "learning_rate": 0.01, "hidden": "16", "filters": 16},
    "gboost": {"rounds": 60},
    "svm-rbf": {"C": 1.0},  # with 10, four features are learned by heart
    "ensemble": {"members": "lda,svm"},
    FOREST: {"n_estimators": 40, "max_depth": 3},
}
"""Parameters that suit these tests; none that change what is promised."""

SLOW = {
    *("softmax", "mlp", "conv", "gboost", "ensemble", "kmeans", "svm-rbf"),
    *(FOREST, LINEAR),
}
"""Heads whose fits are too long for scikit-learn's fifty checks to be quick, and one
that scikit-learn has checked itself."""

VERY_SLOW = {"conv"}
"""Heads whose own tests take long too; `mlp` has the same trainer."""

EXPECTED_FAILURES: dict[str, dict[str, str]] = {}
"""Head to {scikit-learn's check: the reason why it may fail}."""


def make(name, **parameters):
    return make_head(name, **(FAST.get(name, {}) | parameters))


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name in VERY_SLOW else [])
        for name in NAMES
    ]
)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def fitted():
    """Return each head, fitted once on three classes."""
    X, y = make_blobs([20, 20, 20])
    heads = {}

    def fit(name):
        if name not in heads:
            heads[name] = make(name).fit(X, y)
        return heads[name]

    return fit


def _scikit_learn_checks():
    for name in NAMES:
        reasons = EXPECTED_FAILURES.get(name, {})
        for head, check in estimator_checks_generator(make(name)):
            marks = [pytest.mark.slow] if name in SLOW else []
            if _name(check) in reasons:
                marks.append(pytest.mark.xfail(reason=reasons[_name(check)]))
            yield pytest.param(head, check, id=f"{name}-{_name(check)}", marks=marks)


def _name(check):
    return getattr(check, "func", check).__name__


@pytest.mark.parametrize(("head", "check"), list(_scikit_learn_checks()))
def test_scikit_learn(head, check):
    check(head)


@pytest.mark.parametrize("counts", [[20, 20], [15, 20, 25]])
@pytest.mark.parametrize("labels", [None, ["zebra", "ant", 'Ö, "quoted"']])
def test_probabilities_have_a_column_per_class_in_order(name, counts, labels):
    X, y = make_blobs(counts, apart=8)
    if labels is not None:
        y = np.array(labels)[y]
    head = make(name).fit(X, y)
    probabilities = head.predict_proba(X)
    assert head.classes_.tolist() == sorted(set(y.tolist()))
    assert probabilities.shape == (len(X), len(counts))
    assert probabilities.dtype == np.float64
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    predicted = head.classes_[probabilities.argmax(axis=1)]
    assert predicted.tolist() == head.predict(X).tolist()
    # Right on most rows, so that the columns can't be in another order.
    assert (predicted == y).mean() > 0.95


def test_codes_with_gaps_come_back_as_they_are(name):
    X, y = make_blobs([20, 20, 20], apart=8)
    head = make(name).fit(X, np.array([3, 7, 200])[y])
    assert head.classes_.tolist() == [3, 7, 200]
    assert set(head.predict(X).tolist()) == {3, 7, 200}


def test_same_seed_same_result(name, fitted):
    X, y = make_blobs([20, 20, 20])
    first = fitted(name).predict_proba(X)
    again = clone(fitted(name)).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, again)


def test_fitting_again_forgets_the_first_time(name, fitted):
    X, y = make_blobs([20, 20, 20])
    head = make(name).fit(*make_blobs([9, 9], width=5))
    again = head.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(fitted(name).predict_proba(X), again)


def test_fit_leaves_its_input_alone(name):
    X, y = make_blobs([20, 20])
    X.setflags(write=False)
    y.setflags(write=False)
    make(name).fit(X, y, groups=np.arange(len(y))).predict_proba(X)


@pytest.mark.parametrize("form", ["file", "pickle"])
def test_a_written_head_is_the_same_to_the_bit(form, name, fitted, tmp_path):
    head = fitted(name)
    path = tmp_path / "head"
    if form == "file":
        path.write_bytes(head_bytes(head))
        loaded = read_head(path)
    else:  # scikit-learn's own way; featx reads such files only if they are trusted
        joblib.dump(head, path, compress=3)
        loaded = joblib.load(path)
    assert type(loaded) is type(head)
    assert loaded.get_params() == head.get_params()
    assert loaded.history_ == head.history_
    assert vars(loaded).keys() == vars(head).keys()
    X, _ = make_blobs([20, 20, 20])
    for rows in (X, X[:1], X[1::3], X.astype(np.float64)):
        np.testing.assert_array_equal(
            loaded.predict_proba(rows), head.predict_proba(rows)
        )


def test_predicting_needs_no_tensorflow(fitted, tmp_path):
    X, _ = make_blobs([20, 20, 20])
    names = sorted(set(NAMES) - VERY_SLOW)
    for name in names:
        (tmp_path / name).write_bytes(head_bytes(fitted(name)))
    np.save(tmp_path / "X.npy", X)
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from featx.heads.file import read_head\n"
        "X = np.load('X.npy')\n"
        f"heads = [read_head(Path(name)) for name in {names}]\n"
        "np.save('p.npy', [head.predict_proba(X) for head in heads])\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    for name, found in zip(names, np.load(tmp_path / "p.npy"), strict=True):
        expected = fitted(name).predict_proba(X)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9, err_msg=name)


def test_balanced_class_weight_helps_a_rare_class(name):
    X, y = make_blobs([200, 12], width=4, apart=1.2)
    X_test, y_test = make_blobs([300, 300], width=4, apart=1.2, seed=1)
    rare = y_test == 1
    plain, balanced = (
        (make(name, class_weight=w).fit(X, y).predict(X_test)[rare] == 1).mean()
        for w in (None, "balanced")
    )
    assert balanced > plain + 0.1


def test_learns(name):
    counts = [25] * 5
    X, y = make_blobs(counts, apart=3.5)
    X_test, y_test = make_blobs([60] * 5, apart=3.5, seed=1)
    best = max(
        (make(other).fit(X, y).predict(X_test) == y_test).mean()
        for other in ("lda", "logreg")
    )
    found = (make(name).fit(X, y).predict(X_test) == y_test).mean()
    assert found > 0.7  # chance is 0.2
    assert found > best - 0.12


@pytest.mark.parametrize(
    "counts",
    [[20, 20, 1], [12, 1], [1, 1, 20], [2, 2, 2], [2, 2], [1, 1], [1, 1, 1, 1]],
    ids=str,
)
def test_few_images(name, counts):
    X, y = make_blobs(counts, apart=10)
    probabilities = make(name).fit(X, y).predict_proba(X)
    assert probabilities.shape == (len(X), len(counts))
    assert np.isfinite(probabilities).all()


def test_two_images_a_class_are_enough_when_far_apart(name):
    X, y = make_blobs([2] * 3, apart=30)
    X_test, y_test = make_blobs([20] * 3, apart=30, seed=1)
    accuracy = (make(name).fit(X, y).predict(X_test) == y_test).mean()
    if name == "gboost":  # trees cut between two rows on features drawn at random
        assert accuracy > 0.3
    else:
        assert accuracy > 0.95


def test_constant_features_change_little(name):
    X, y = make_blobs([20, 20], apart=5)
    constant = np.full((len(X), 3), [0, 0.1, 1e4], dtype=X.dtype)
    head = make(name).fit(np.hstack([X, constant]), y)
    # A channel that was dead in training and fires once must not decide.
    constant[:, 0] = 0.01
    assert (head.predict(np.hstack([X, constant])) == y).mean() > 0.9


def test_all_features_constant(name):
    y = np.repeat([0, 1], [15, 5])
    X = np.ones((20, 3), dtype=np.float32)
    probabilities = make(name).fit(X, y).predict_proba(X)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities, probabilities[:1].repeat(20, axis=0))


@pytest.mark.parametrize("factor", [1e-9, 1e6])
def test_the_scale_of_the_features_does_not_matter(name, factor):
    X, y = make_blobs([20, 20], apart=5)
    X *= np.float32(factor)
    assert (make(name).fit(X, y).predict(X) == y).mean() > 0.9


def test_float32_and_float64_agree(name):
    X, y = make_blobs([20, 20, 20], apart=3)
    single, double = (
        make(name).fit(X.astype(dtype), y).predict_proba(X.astype(dtype))
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_allclose(single, double, atol=0.02)


def test_one_feature(name):
    X = np.concatenate([np.linspace(-2, -1, 20), np.linspace(1, 2, 20)])[:, None]
    y = np.repeat(["a", "b"], 20)
    assert (make(name).fit(X, y).predict(X) == y).mean() > 0.95


def test_far_more_features_than_rows(name):
    X, y = make_blobs([8, 8, 8], width=600, apart=25)
    X_test, y_test = make_blobs([8, 8, 8], width=600, apart=25, seed=1)
    assert (make(name).fit(X, y).predict(X_test) == y_test).mean() > 0.8


def test_one_class_is_refused(name):
    with pytest.raises(ValueError, match="needs two classes, got one class"):
        make(name).fit(np.eye(4), ["cat"] * 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_unusable_values_are_refused(name, fitted, bad):
    X, y = make_blobs([5, 5])
    X[3, 2] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        make(name).fit(X, y)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        fitted(name).predict_proba(X)


def test_wrong_width_is_refused(name, fitted):
    with pytest.raises(ValueError, match=r"has 5 features, but .* expecting 12"):
        fitted(name).predict_proba(np.ones((2, 5)))


def test_groups_of_another_length_are_refused(name):
    X, y = make_blobs([5, 5])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make(name).fit(X, y, groups=np.arange(9))


def test_one_group_in_all(name):
    X, y = make_blobs([5, 5])
    probabilities = make(name).fit(X, y, groups=np.zeros(10)).predict_proba(X)
    assert np.isfinite(probabilities).all()


def test_duplicates_stay_on_one_side_of_inner_splits(name, monkeypatch):
    """Each split that a head makes inside holds whole groups out."""
    import featx.splits as folds

    seen = []
    cut = folds.stratified_folds

    def spy(labels, groups, **options):
        seen.append(groups)
        return cut(labels, groups, **options)

    for module in [m for k, m in sys.modules.items() if k.startswith("featx.")]:
        if getattr(module, "stratified_folds", None) is cut:
            monkeypatch.setattr(module, "stratified_folds", spy)
    X, y = make_blobs([10, 10])
    groups = np.repeat(np.arange(20), 2)
    make(name).fit(X.repeat(2, axis=0), y.repeat(2), groups=groups)
    for given in seen:  # of all rows, or of a part in which both copies are
        np.testing.assert_array_equal(given[::2], given[1::2])
        assert len(set(given.tolist())) == len(given) // 2


def test_duplicates_do_not_make_a_head_sure_of_noise(name):
    """Labels are chance; only a copy on the other side could foretell them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 200)).astype(np.float32).repeat(3, axis=0)
    y = np.tile([0, 1], 20).repeat(3)
    groups = np.arange(40).repeat(3)
    unseen = rng.normal(size=(200, 200)).astype(np.float32)
    head = make(name)
    told = head.fit(X, y, groups=groups).predict_proba(unseen).max(axis=1).mean()
    untold = clone(head).fit(X, y).predict_proba(unseen).max(axis=1).mean()
    assert told <= untold + 0.02


@pytest.mark.parametrize("counts", [[20, 20, 20], [2, 2]], ids=str)
def test_history_is_columns_of_one_length(name, counts):
    head = make(name).fit(*make_blobs(counts))
    if not head.history_:
        return
    assert head.history_["epoch"] == [
        float(i + 1) for i in range(len(head.history_["loss"]))
    ]
    assert len({len(column) for column in head.history_.values()}) == 1
    if name == "gboost":  # holds no rows out
        assert set(head.history_) == {"epoch", "loss"}
    else:
        assert ("val_loss" in head.history_) == (len(counts) == 3)
    for column in head.history_.values():
        assert all(isinstance(value, float) for value in column)
        assert np.isfinite(column).all()


def test_heads_that_train_in_rounds_have_a_history(fitted):
    has_history = {name for name in NAMES if fitted(name).history_}
    assert has_history >= {"softmax", "mlp", "conv", "gboost"}
    for name in ("softmax", "mlp", "conv"):
        assert set(fitted(name).history_) == {
            *("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
        }
    for name in has_history:
        loss = fitted(name).history_["loss"]
        assert loss[-1] < loss[0]
