"""Clusters and their names."""

import numpy as np

from featx.heads.table import make_head
from tests.heads.blobs import make_blobs


def test_a_cluster_has_the_name_of_most_of_its_rows():
    X, y = make_blobs([30, 30, 30], apart=12)
    wrong = y.copy()
    wrong[:9] = (y[:9] + 1) % 3
    head = make_head("kmeans").fit(X, wrong)
    assert (head.predict(X) == y).all()


def test_labels_do_not_move_clusters():
    X, y = make_blobs([30, 30, 30], apart=3)
    chance = np.random.default_rng(0).permutation(y)
    clusters = [
        make_head("kmeans").fit(X, one).layers_[3].kernel for one in (y, chance)
    ]
    np.testing.assert_array_equal(*clusters)


def test_more_clusters_tell_apart_what_is_mixed():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 12)) * 4
    member = np.arange(160) % 8
    X = centres[member] + rng.normal(size=(160, 12))
    y = member % 2  # each class is four clouds
    found = [
        (make_head("kmeans", per_class=n).fit(X, y).predict(X) == y).mean()
        for n in (1, 6)
    ]
    assert found[0] < 0.9 < found[1]
