"""Decoders share a budget of bytes."""

import threading

from featx.images.memory import Budget


def test_what_fits_is_held_together():
    budget = Budget(10)
    with budget.take(4), budget.take(6):
        pass


def test_what_does_not_fit_waits():
    budget, entered = Budget(10), threading.Event()

    def enter():
        with budget.take(7):
            entered.set()

    thread = threading.Thread(target=enter)
    with budget.take(4):
        thread.start()
        assert not entered.wait(0.05)
    thread.join(10)
    assert entered.is_set()


def test_more_than_there_is_is_held_alone():
    budget = Budget(10)
    with budget.take(25):
        pass
    with budget.take(10):
        pass
