"""Names in CSV files that a spreadsheet would run as formulas."""

import contextlib
from collections.abc import Iterable

STARTS = ("=", "+", "-", "@", "\t", "\r")
"""How cells begin that spreadsheets may take for formulas, after OWASP's page on CSV
injection."""


def formula_notes(names: Iterable[str]) -> list[str]:
    """Return a note if cells with these names could be run as formulas, else nothing.

    The names stay as they are in the files: other programs look them up by these.
    """
    found = [name for name in dict.fromkeys(names) if _is_formula(name)]
    if not found:
        return []
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    note = (
        f"'{found[0]}'{more} in a CSV file may be run as a formula by a spreadsheet:"
        " open the file as text there, or rename what is called so"
    )
    return [note]


def _is_formula(cell: str) -> bool:
    if not cell.startswith(STARTS):
        return False
    with contextlib.suppress(ValueError):  # a number is harmless
        float(cell)
        return False
    return True
