"""Folds: each row held out once, classes spread evenly, groups whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.errors import DataError
from featx.splits import draw_stratified, hold_out, stratified_folds


@st.composite
def grouped_rows(draw, *, pure=True):
    """Draw (labels, groups); with `pure` a group has one label."""
    n = draw(st.integers(4, 60))
    groups = np.array(draw(st.lists(st.integers(0, 40), min_size=n, max_size=n)))
    if pure:
        of_group = draw(st.lists(st.integers(0, 4), min_size=41, max_size=41))
        return np.array(of_group)[groups], groups
    return np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))), groups


seeds = st.integers(0, 99)


@given(grouped_rows(pure=False), st.integers(2, 6), seeds)
def test_each_row_is_held_out_once_and_no_group_is_split(rows, folds, seed):
    labels, groups = rows
    if len(np.unique(groups)) < folds:
        return
    held = []
    for train, held_out in stratified_folds(labels, groups, folds=folds, seed=seed):
        assert len(train)
        assert len(held_out)
        assert not set(train) & set(held_out)
        assert len(train) + len(held_out) == len(labels)
        assert not set(groups[train]) & set(groups[held_out])
        held += held_out.tolist()
    assert sorted(held) == list(range(len(labels)))


@given(grouped_rows(), st.integers(2, 6), seeds)
def test_folds_are_stratified(rows, folds, seed):
    labels, groups = rows
    if len(np.unique(groups)) < folds:
        return
    splits = list(stratified_folds(labels, groups, folds=folds, seed=seed))
    for label in np.unique(labels):
        of_class = set(groups[labels == label])
        counts = [len(of_class & set(groups[held_out])) for _, held_out in splits]
        assert max(counts) - min(counts) <= 1
        if len(of_class) > 1:
            assert all(label in labels[train] for train, _ in splits)


@given(grouped_rows(), seeds, st.randoms(use_true_random=False))
def test_folds_know_no_order_of_rows(rows, seed, random):
    labels, groups = rows
    if len(np.unique(groups)) < 3:
        return
    order = list(range(len(labels)))
    random.shuffle(order)

    def fold_of_group(labels, groups):
        splits = stratified_folds(labels, groups, folds=3, seed=seed)
        return [set(groups[held_out]) for _, held_out in splits]

    assert fold_of_group(labels, groups) == fold_of_group(labels[order], groups[order])


@given(grouped_rows(pure=False), seeds, st.permutations(range(5)))
def test_folds_know_no_names_of_classes(rows, seed, renamed):
    labels, groups = rows
    if len(np.unique(groups)) < 3:
        return
    others = np.array(renamed)[labels]

    def held(labels):
        splits = stratified_folds(labels, groups, folds=3, seed=seed)
        return [held_out.tolist() for _, held_out in splits]

    assert held(labels) == held(others)


def test_every_class_is_spread_evenly():
    labels = np.repeat([0, 1, 2], [10, 5, 20])
    groups = np.arange(35)
    for train, held_out in stratified_folds(labels, groups, folds=5, seed=0):
        assert np.bincount(labels[held_out]).tolist() == [2, 1, 4]
        assert train.tolist() == sorted(train)


def test_classes_that_are_all_smaller_than_the_folds():
    labels = np.repeat(np.arange(4), 3)
    splits = list(stratified_folds(labels, np.arange(12), folds=5, seed=0))
    assert sorted(len(held_out) for _, held_out in splits) == [2, 2, 2, 3, 3]


def test_seed_decides():
    labels, groups = np.repeat([0, 1], 20), np.arange(40)

    def first(seed):
        return next(stratified_folds(labels, groups, folds=5, seed=seed))[1].tolist()

    assert first(0) == first(0) != first(1)


def test_too_few_groups():
    with pytest.raises(DataError) as caught:
        list(
            stratified_folds(np.array([0, 0, 1]), np.array([5, 5, 9]), folds=3, seed=0)
        )
    assert str(caught.value) == (
        "2 different training images are too few for 3 folds;"
        " add images or use fewer --folds"
    )


def test_too_few_folds():
    with pytest.raises(DataError, match="1 folds; there must be at least two"):
        list(stratified_folds(np.array([0, 1]), np.arange(2), folds=1, seed=0))


@given(grouped_rows(pure=False), st.floats(0.05, 0.95), seeds)
def test_hold_out_leaves_each_class_training_rows(rows, share, seed):
    labels, groups = rows
    train, held_out = hold_out(labels, groups, share=share, seed=seed)
    assert sorted([*train, *held_out]) == list(range(len(labels)))
    assert train.tolist() == sorted(train)
    assert set(labels[train]) == set(labels)
    assert not set(groups[train]) & set(groups[held_out])


def test_hold_out_takes_about_its_share():
    labels = np.repeat(np.arange(10), 20)
    train, held_out = hold_out(labels, np.arange(200), share=0.1, seed=0)
    assert np.bincount(labels[held_out]).tolist() == [2] * 10
    assert len(train) == 180


def test_hold_out_from_many_small_classes():
    labels = np.repeat(np.arange(100), 5)
    _, held_out = hold_out(labels, np.arange(500), share=0.1, seed=0)
    assert len(held_out) == 50


def test_nothing_to_hold_out():
    labels = np.array([0, 1, 1])
    train, held_out = hold_out(labels, np.arange(3), share=0.1, seed=0)
    assert train.tolist() == [0, 1, 2]
    assert len(held_out) == 0


@given(
    st.lists(st.integers(2, 30), min_size=1, max_size=5),
    st.floats(0.05, 0.95),
    seeds,
)
def test_a_draw_takes_its_share_of_each_class_and_leaves_some(counts, share, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = draw_stratified(labels, share=share, seed=seed)
    drawn = np.bincount(labels[rows], minlength=len(counts))
    assert len(np.unique(rows)) == len(rows)
    assert (drawn >= 1).all()
    assert (drawn < counts).all()
    assert (abs(drawn - share * np.array(counts)) <= 1).all()
    rows = draw_stratified(labels, share=share, seed=seed, least=3, spared=0)
    more = np.bincount(labels[rows], minlength=len(counts))
    assert (more >= np.minimum(3, counts)).all()
    assert (more >= drawn).all()
