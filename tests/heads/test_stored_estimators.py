"""What is read from a file can neither run code nor read memory that isn't its own."""

import io
import json
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from skops.io import dumps

from featx.errors import HeadError
from featx.heads.stored_estimators import estimator_bytes, read_estimator
from tests.heads.blobs import make_blobs

X, Y = make_blobs([12, 12], width=5)


@pytest.fixture(scope="module")
def forest():
    return ExtraTreesClassifier(2, random_state=0).fit(X, Y)


def test_trees_come_back(forest):
    again = read_estimator(estimator_bytes(forest), ExtraTreesClassifier, width=5)
    np.testing.assert_array_equal(again.predict_proba(X), forest.predict_proba(X))


def test_another_classifier_than_the_head_names_is_refused(forest):
    with pytest.raises(
        HeadError, match="holds a ExtraTreesClassifier, not a LinearSVC"
    ):
        read_estimator(estimator_bytes(forest), LinearSVC, width=5)


def test_functions_are_refused():
    harmful = dumps(FunctionTransformer(func=json.loads))
    with pytest.raises(HeadError, match=r"holds json\.loads, which can't be") as caught:
        read_estimator(harmful, FunctionTransformer, width=5)
    assert "\n" not in str(caught.value)


def test_what_could_not_be_read_is_not_written():
    neighbours = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    with pytest.raises(HeadError, match=r"KDTree.* other parameters"):
        estimator_bytes(neighbours)


def changed_arrays(content, change):
    """Return a file of skops in which some arrays are others."""
    found = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(found, "w") as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(part))
                change(array)
                np.save(stream := io.BytesIO(), array)
                part = stream.getvalue()
            new.writestr(name, part)
    return found.getvalue()


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 10**6), ("right_child", -5), ("left_child", 0), ("feature", 99)],
)
def test_trees_that_lead_elsewhere_are_refused(forest, field, value):
    def change(array):
        if array.dtype.names and field in array.dtype.names:
            array[field][0] = value

    harmful = changed_arrays(estimator_bytes(forest), change)
    with pytest.raises(HeadError, match="has a damaged tree"):
        read_estimator(harmful, ExtraTreesClassifier, width=5)


def test_trees_of_wider_rows_are_refused(forest):
    with pytest.raises(HeadError, match="has a damaged tree"):
        read_estimator(estimator_bytes(forest), ExtraTreesClassifier, width=1)


@pytest.mark.parametrize(
    ("field", "value"), [("left", 10**6), ("feature_idx", 99), ("is_categorical", 1)]
)
def test_trees_of_histograms_that_lead_elsewhere_are_refused(field, value):
    boosted = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2).fit(X, Y)

    def change(array):
        if array.dtype.names and field in array.dtype.names:
            array[field][0] = value

    harmful = changed_arrays(estimator_bytes(boosted), change)
    with pytest.raises(HeadError, match="has a damaged tree"):
        read_estimator(harmful, HistGradientBoostingClassifier, width=5)
