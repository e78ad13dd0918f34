"""Classifiers of scikit-learn as heads."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.svm import SVC

from featx.errors import HeadError
from featx.heads.file import head_bytes, read_head
from featx.heads.scikit_learn import classifier_paths
from featx.heads.table import default_parameters, find_head, make_head
from featx.heads.tuning import fit_head
from tests.heads.blobs import make_blobs

TREES = "sklearn.ensemble.ExtraTreesClassifier"
BAYES = "sklearn.naive_bayes.GaussianNB"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("sklearn.ensemble.ExtraTreeClassifier", "no head '.*'; did you mean 'sklearn"),
        ("sklearn.nothing.SVC", "no head 'sklearn.nothing.SVC'"),
        ("sklearn.svm.SVR", "is no classifier of scikit-learn"),
        ("sklearn.svm.LinearSVC.fit", "no head"),
        ("sklearn.base.ClassifierMixin", "is no classifier of scikit-learn"),
        ("sklearn.utils.fixes.np", "is no classifier of scikit-learn"),
        ("sklearn.ensemble.VotingClassifier", "can't be made without arguments"),
        ("sklearn.", "no head 'sklearn.'"),
    ],
)
def test_what_is_no_classifier_is_told_in_one_line(path, said):
    with pytest.raises(HeadError, match=said) as caught:
        make_head(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["os.path", "xgboost.XGBClassifier", "SKLEARN.svm.SVC"]
)
def test_other_packages_are_not_imported(path):
    with pytest.raises(HeadError, match="no head"):
        make_head(path)


def test_private_paths_are_the_public_head():
    assert find_head("sklearn.ensemble._forest.ExtraTreesClassifier").name == TREES
    assert TREES in classifier_paths()


def test_parameters_and_seed_reach_the_classifier():
    X, y = make_blobs([20, 20, 20], apart=2)
    head = fit_head(TREES, X, y, seed=7, parameters={"max_depth": 2})
    Z = (X - head.mean_) / head.scale_
    theirs = ExtraTreesClassifier(max_depth=2, random_state=7).fit(Z, y)
    np.testing.assert_allclose(
        head.predict_proba(X), theirs.predict_proba(Z), atol=1e-3
    )
    assert fit_head(TREES, X, y, parameters={"random_state": 3}).random_state == 3


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"max_dept": 2}, "has no parameter 'max_dept'; did you mean 'max_depth'"),
        ({"max_depth": "two"}, "'max_depth' parameter of ExtraTreesClassifier must be"),
    ],
)
def test_wrong_parameters_are_told_in_one_line(parameters, said):
    X, y = make_blobs([5, 5])
    with pytest.raises(HeadError, match=f"^head '{TREES}'.*{said}") as caught:
        fit_head(TREES, X, y, parameters=parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("counts", [[20, 20], [20, 20, 20]], ids=len)
def test_scores_of_a_machine_are_its_decisions(counts):
    X, y = make_blobs(counts, apart=3)
    head = make_head("sklearn.svm.SVC", C=2.0).fit(X, y)
    Z = (X - head.mean_) / head.scale_
    theirs = SVC(C=2.0, random_state=0).fit(Z, y).decision_function(Z)
    scores = head.logits(X)
    found = scores[:, 1] - scores[:, 0] if len(counts) == 2 else scores
    np.testing.assert_allclose(found, theirs)


def test_scores_with_a_column_for_each_pair_are_left():
    X, y = make_blobs([20] * 4, apart=6)
    options = {"decision_function_shape": "ovo"}
    with pytest.raises(HeadError, match=r"sklearn.svm.SVC': .*predict_proba"):
        make_head("sklearn.svm.SVC", **options).fit(X, y).logits(X)


@pytest.mark.parametrize(
    "path", ["sklearn.svm.NuSVC", "sklearn.linear_model.Perceptron", BAYES]
)
def test_classes_get_weights_in_the_way_that_the_classifier_takes(path):
    X, y = make_blobs([60, 6], apart=1.5)
    head = make_head(path, class_weight="balanced").fit(X, y)
    assert (head.predict(X)[y == 1] == 1).mean() > 0.6


def test_weights_that_a_classifier_does_not_take_are_refused():
    path = "sklearn.neighbors.NearestCentroid"
    with pytest.raises(HeadError, match=f"'{path}': takes no weights of classes"):
        fit_head(path, *make_blobs([5, 5]), class_weight="balanced")


def test_classifiers_that_take_no_negative_numbers_get_none():
    X, y = make_blobs([20, 20], apart=8)
    path = "sklearn.naive_bayes.MultinomialNB"
    head = make_head(path).fit(np.maximum(X, 0), y)
    assert (head.predict(np.maximum(X, 0)) == y).mean() > 0.8
    with pytest.raises(HeadError, match=f"'{path}': Negative values"):
        fit_head(path, X, y)


def test_errors_in_fitting_are_told_in_one_line():
    path = "sklearn.semi_supervised.SelfTrainingClassifier"
    with pytest.raises(HeadError, match=f"^head '{path}': ") as caught:
        fit_head(path, *make_blobs([5, 5]))
    assert "\n" not in str(caught.value)


def test_rows_far_from_all_others_get_no_answer_in_particular():
    X, y = make_blobs([20, 20, 20], apart=3)
    path = "sklearn.semi_supervised.LabelPropagation"
    head = make_head(path).fit(X, y)
    with np.errstate(invalid="ignore"):
        found = head.predict_proba(np.full((1, 12), 1e6))
    np.testing.assert_allclose(found, 1 / 3)


STORED = [
    "calibration.CalibratedClassifierCV",
    "discriminant_analysis.LinearDiscriminantAnalysis",
    "ensemble.AdaBoostClassifier",
    "ensemble.BaggingClassifier",
    "ensemble.GradientBoostingClassifier",
    "ensemble.HistGradientBoostingClassifier",
    "gaussian_process.GaussianProcessClassifier",
    "linear_model.LogisticRegression",
    "naive_bayes.GaussianNB",
    "neighbors.NearestCentroid",
    "neural_network.MLPClassifier",
    "svm.SVC",
]

FEW = {"n_estimators": 3, "max_iter": 30}
"""Few rounds, of those that have them."""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", STORED)
def test_fitted_classifiers_come_back_from_their_file(name, tmp_path):
    path = f"sklearn.{name}"
    known = default_parameters(find_head(path))
    X, y = make_blobs([12, 12, 12], width=24, apart=6)
    head = make_head(path, **{key: FEW[key] for key in FEW if key in known}).fit(X, y)
    (file := tmp_path / "head").write_bytes(head_bytes(head))
    again = read_head(file)
    assert again.get_params() == head.get_params()
    np.testing.assert_array_equal(again.predict_proba(X), head.predict_proba(X))


def test_all_paths_that_are_completed_are_heads():
    for path in classifier_paths():
        assert find_head(path).name == path
