"""Hidden layers as text, such as ``768,bn,dropout0.25,512,dropout0.25``."""

import re
from typing import Literal, NamedTuple

from featx.errors import HeadError

GRAMMAR = (
    "comma-separated layers are expected: a number of units such as 128 (Dense with"
    " ReLU), bn (BatchNormalization) or dropoutRATE such as dropout0.25"
)

_WORD = re.compile(r"(?P<dense>[1-9]\d{0,4})|(?P<bn>bn)|dropout(?P<dropout>0?\.\d+|0)")


class HiddenLayer(NamedTuple):
    """One layer between the embedding and the classes.

    Attributes
    ----------
    kind : {"dense", "bn", "dropout"}
    value : float
        Units of a dense layer, rate of a dropout; 0 for a batch normalisation.
    """

    kind: Literal["dense", "bn", "dropout"]
    value: float = 0.0


def parse_hidden(text: str) -> tuple[HiddenLayer, ...]:
    """Return the layers that the text names, in order.

    Parameters
    ----------
    text : str
        Comma-separated layers, the first of them a number of units.

    Raises
    ------
    HeadError
        There is no such layer, or the first is not a number of units.
    """
    layers = tuple(_parse_word(word.strip().lower(), text) for word in text.split(","))
    if layers[0].kind != "dense":
        first = text.partition(",")[0].strip()
        raise HeadError(
            f"hidden '{text}': begins with '{first}'; begin with a number of units"
        )
    return layers


def _parse_word(word: str, text: str) -> HiddenLayer:
    match = _WORD.fullmatch(word)
    if match is None:
        raise HeadError(f"hidden '{text}': no layer '{word}'; {GRAMMAR}")
    if match["dense"]:
        return HiddenLayer("dense", int(match["dense"]))
    if match["bn"]:
        return HiddenLayer("bn")
    return HiddenLayer("dropout", float(match["dropout"]))
