"""The tree of errors, and the nearest name."""

import re

import pytest

from featx import errors


def tree_in_docstring():
    """Return (name, depth) of each line of the drawing."""
    lines = re.findall(r"^    ([│├└─ ]*)(\w+Error)\b", errors.__doc__, re.MULTILINE)
    return {name: len(indent) // 4 for indent, name in lines}


def test_the_docstring_draws_the_tree():
    drawn = tree_in_docstring()
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert set(drawn) == set(classes)
    base = errors.FeatxError
    for name, depth in drawn.items():
        assert classes[name].__mro__.index(base) == depth, name


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("inceptionv", "; did you mean 'inceptionv3'?"),
        ("RESNET", "; did you mean 'resnet50'?"),
        ("vgg1", "; did you mean 'vgg19' or 'VGG16'?"),
        ("inception", "; did you mean 'inceptionv3'?"),
        ("net5", "; did you mean 'resnet50'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_nearest(name, end):
    known = ["inceptionv3", "resnet50", "VGG16", "vgg19"]
    assert errors.nearest(name, iter(known)) == end


def test_nearest_ones_are_listed_as_in_a_sentence():
    known = [f"resnet{depth}" for depth in (50, 101, 152)]
    end = errors.nearest("resnet15", known)
    assert end == "; did you mean 'resnet152', 'resnet50' or 'resnet101'?"


def test_nearest_counts():
    known = [f"name{i}" for i in range(9)]
    assert errors.nearest("name", known, count=1).count("'") == 2
