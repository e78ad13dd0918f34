"""Which names mean the same class."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from featx.addresses import Address
from featx.errors import DataError

JOINERS = "\u200c\u200d"
"""Invisible, but part of how some scripts and emoji are written."""

BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Invisible characters that Unicode doesn't count among controls and formats."""

Renamed = dict[str, str]
"""Name in a folder or file to the class that it means."""


def visible(text: str) -> str:
    """Return a text without invisible characters, each kind of space as a plain one.

    Joiners between characters beyond ASCII stay: Persian and emoji need them.
    """
    neighbours = zip(f" {text}", text, f"{text[1:]} ", strict=False)
    return "".join(_seen(*three) for three in neighbours).strip(" ")


def _seen(before: str, character: str, after: str) -> str:
    if character in JOINERS and not (before.isascii() or after.isascii()):
        return character
    if "\ufe00" <= character <= "\ufe0f":  # selects a variant of the one before
        return "" if before.isascii() else character
    kind = unicodedata.category(character)
    if kind in {"Zs", "Zl", "Zp"} or character in "\t\r\n\v\f":
        return " "
    return "" if kind in {"Cc", "Cf"} or character in BLANKS else character


def settle_classes(
    where: Address, splits: Sequence[Mapping[str, str]], *, typed: bool
) -> tuple[list[Renamed], list[str]]:
    """Decide which names mean the same class, within each split and between them.

    Names that differ only by case are one class where they are in two splits and the
    match is one to one, and two classes within one split: such as ``A`` and ``a``.

    Parameters
    ----------
    where : Path or UPath
        The folder or file to name in errors.
    splits : sequence of mapping of str to str
        Of each split: the names, and how each is shown.
    typed : bool
        Whether the names were typed row by row. Two that differ by case within one
        split are then more likely a slip, unless they are single characters.

    Returns
    -------
    list of dict, list of str
        Of each split: name to class. Notes about what was decided.

    Raises
    ------
    DataError
        A name has nothing visible, or it isn't clear which are the same class.
    """
    renamed: list[Renamed] = []
    notes: list[str] = []
    known: dict[str, str] = {}
    for names in splits:
        classes = {name: visible(name) for name in names}
        shown = {classes[name]: text for name, text in names.items()}
        if "" in shown:
            raise DataError(f"{where}: a class whose name can't be seen; rename it")
        notes += _invisible_notes(classes)
        notes += _check_twins(where, shown, typed)
        same = dict(_match(where, shown, known))
        notes += [f"'{shown[new]}' is taken for '{old}'" for new, old in same.items()]
        known |= {name: text for name, text in shown.items() if name not in same}
        renamed.append({name: same.get(c, c) for name, c in classes.items()})
    return renamed, list(dict.fromkeys(notes))


def _invisible_notes(classes: Renamed) -> Iterator[str]:
    odd = sorted(name for name, seen in classes.items() if name.strip() != seen)
    if odd:
        yield (
            f"invisible characters or unusual spaces in {len(odd)} class names are left"
            f" out (first: {odd[0]!a}, now '{classes[odd[0]]}')"
        )


def _check_twins(
    where: Address, shown: Mapping[str, str], typed: bool
) -> Iterator[str]:
    """Refuse two spellings within one split; note those that differ only by case."""
    twins = {}
    for names in _by_spelling(shown).values():
        first, *others = names
        for other in others:
            by_case = first.casefold() == other.casefold()
            if not by_case or (typed and len(first) > 1) or _same_form(first, other):
                raise _two_spellings(where, shown[first], shown[other])
        if others:
            twins[first] = others[0]
    for first, other in list(twins.items())[:1]:
        yield (
            f"'{first}' and '{other}' differ only by case and are two classes"
            f"{f', as are {len(twins) - 1} more pairs' if len(twins) > 1 else ''}"
        )


def _match(
    where: Address, shown: Mapping[str, str], known: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the names of a split that are another spelling of a known class."""
    spellings, before = _by_spelling(shown), _by_spelling(known)
    for spelling, names in spellings.items():
        new = [name for name in names if name not in known]
        old = [name for name in before.get(spelling, []) if name not in names]
        if not new or not before.get(spelling):
            continue
        if len(new) > 1 or len(old) != 1 or len(before[spelling]) > 1:
            raise _two_spellings(where, known[before[spelling][0]], shown[new[0]])
        yield new[0], old[0]


def _by_spelling(names: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(spelling_of(name), []).append(name)
    return found


def spelling_of(name: str) -> str:
    """Return what all spellings of one class have in common.

    Separators between letters don't count at all; others do, so that 1.5 isn't 15.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = plain.lstrip(" _").rstrip(" _-")
    plain = re.sub(r"(?<=[^\W\d_])[\s_.-]+(?=[^\W\d_])", "", plain)
    return re.sub(r"[\s_-]+", "_", plain)


def _same_form(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _two_spellings(where: Address, one: str, other: str) -> DataError:
    return DataError(
        f"{where}: '{one}' and '{other}' differ only by case,"
        " separators or Unicode form; rename one so that both are the same class"
    )
