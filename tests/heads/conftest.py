"""Small matrices only: threads that wait for each other would take most of the time."""

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    with threadpool_limits(1, user_api="blas"):
        yield
