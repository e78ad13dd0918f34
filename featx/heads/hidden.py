"""Hidden layers as words: ``768,bn,dropout0.25,512,dropout0.25``."""

import re
from typing import Literal, NamedTuple

from featx.errors import HeadError

GRAMMAR = (
    "comma-separated layers are expected: units like 128 (Dense with relu), bn"
    " (BatchNormalization), dropoutR like dropout0.25"
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
    """Return the layers that the words name, in order.

    Parameters
    ----------
    text : str
        At least one word, the first of them a number of units.

    Raises
    ------
    HeadError
        A word is none of the grammar's, or the first is no number of units; the
        message names the word and the grammar.
    """
    layers = tuple(_parse_word(word.strip().lower(), text) for word in text.split(","))
    if layers[0].kind != "dense":
        first = text.partition(",")[0].strip()
        raise HeadError(f"hidden '{text}': begins with '{first}', not with units")
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
