"""What keeps the many fits of small heads short."""

from functools import lru_cache

import pytest
from threadpoolctl import threadpool_limits

from featx.heads import training


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Let BLAS use one thread: several would wait for each other most of the time."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(autouse=True, scope="module")
def graphs_are_kept():
    """Keep the graph of each network of a module, not of the last one only.

    Tracing takes most of a small fit, and few shapes of networks are fitted here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_trainer", lru_cache(training.make_trainer))
        yield
