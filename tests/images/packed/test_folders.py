"""Folders at an address whose store fails."""

from types import SimpleNamespace

import pytest

from featx.errors import AddressError
from featx.images.packed.folders import FolderMembers


class Store:
    """A store that fails as libraries of stores do, by errors of their own."""

    def __init__(self, error=None):
        self.error = error

    def find(self, root, detail):
        if self.error:
            raise self.error
        return {f"{root}/cat/{n}.jpg": {"size": n} for n in range(3)}

    def cat_file(self, path):
        raise self.error


def members(store):
    return FolderMembers(SimpleNamespace(fs=store, path="bucket/photos"))


def test_names_are_relative():
    found = members(Store())

    assert found.sizes == {"cat/0.jpg": 0, "cat/1.jpg": 1, "cat/2.jpg": 2}


@pytest.mark.parametrize("error", [RuntimeError("no credentials"), OSError("gone")])
def test_a_store_that_cannot_be_listed(error):
    with pytest.raises(AddressError, match="can't be reached"):
        members(Store(error))


@pytest.mark.parametrize(
    ("error", "message"),
    [(RuntimeError("no credentials"), "no credentials"), (OSError("gone"), "gone")],
)
def test_a_file_that_cannot_be_read(error, message):
    store = Store()
    found = members(store)
    store.error = error

    with pytest.raises(OSError, match=message):
        found.read("cat/0.jpg")
