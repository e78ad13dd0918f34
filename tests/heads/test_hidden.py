"""Hidden layers as words."""

import pytest

from featx.errors import HeadError
from featx.heads.hidden import parse_hidden


def test_words_are_layers_in_order():
    found = parse_hidden("768,bn,dropout0.25, 512 ,dropout.5,dropout0")
    assert found == (
        ("dense", 768),
        ("bn", 0),
        ("dropout", 0.25),
        ("dense", 512),
        ("dropout", 0.5),
        ("dropout", 0),
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        *[("128,relu", "relu"), ("128,,64", ""), ("", ""), ("0", "0"), ("-5", "-5")],
        *[("128,dropout", "dropout"), ("128,dropout1.5", "dropout1.5")],
        *[("128;64", "128;64"), ("1e3", "1e3"), ("1000000", "1000000")],
    ],
)
def test_other_words_are_named_with_the_grammar(text, word):
    with pytest.raises(HeadError, match=f"no layer '{word}'; .*dropout0.25") as caught:
        parse_hidden(text)
    assert "\n" not in str(caught.value)


def test_units_come_first():
    with pytest.raises(
        HeadError, match="begins with 'bn'; begin with a number of units"
    ):
        parse_hidden("bn,128")
