"""Results come in order, few wait, and nothing begins after the end of the block."""

import threading

import pytest

from featx.images.prefetch import prefetch


def test_results_are_in_order():
    with prefetch(lambda item: item**2, range(100)) as results:
        assert list(results) == [item**2 for item in range(100)]


def test_only_so_many_wait():
    begun = []
    with prefetch(begun.append, range(1000), ahead=5) as results:
        assert begun == []  # before the first is asked for
        for done, _ in enumerate(results, start=1):
            assert len(begun) <= done + 5


def test_an_error_is_raised_in_its_place():
    def half(item):
        if item == 3:
            raise ValueError("three")
        return item

    with prefetch(half, range(9)) as results:
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three"):
            next(results)


def test_an_interrupt_cancels_what_has_not_begun():
    begun, go_on = [], threading.Event()

    def wait(item):
        begun.append(item)
        if item:
            go_on.wait(10)

    def interrupted():
        with prefetch(wait, range(1000), ahead=500) as results:
            next(results)
            go_on.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(begun) < 500
