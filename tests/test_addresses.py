"""What a text means: a path of this machine, or an address."""

from pathlib import Path

import pytest
from upath import UPath

from featx.addresses import as_address, is_local
from featx.errors import AddressError


@pytest.mark.parametrize(
    ("text", "path"),
    [("photos", "photos"), ("/a/b", "/a/b"), ("file:///a/b", "/a/b"), ("a:b", "a:b")],
)
def test_a_path_of_this_machine(text, path):
    assert as_address(text) == Path(path)
    assert is_local(as_address(text))


def test_an_address():
    address = as_address("memory://bucket/photos")

    assert isinstance(address, UPath)
    assert not is_local(address)
    assert str(address / "cat") == "memory://bucket/photos/cat"
    assert as_address(address) is address


def test_a_protocol_that_nothing_knows():
    with pytest.raises(AddressError, match=r"nope://x: no protocol 'nope'; use s3"):
        as_address("nope://x")


def test_a_protocol_whose_package_is_missing(monkeypatch):
    import fsspec

    def missing(_):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(AddressError, match=r"s3://b/x: Install s3fs"):
        as_address("s3://b/x")
