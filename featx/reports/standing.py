"""Which runs are as good as the best, in words."""

from featx.reports.numbers import points
from featx.runs.comparison import Standing

TEST = (
    "McNemar's test on held-out training images, corrected for what folds share and for"
    " the number of pairs, at 5%"
)
"""What decides whether a run is as good as the best."""


def explain_ties(standing: Standing) -> str:
    """Say which runs no test tells from the best, and which of them to take."""
    best, ties = standing.best.name, len(standing.as_good)
    others = standing.compared - 1
    if ties == 1:
        runs = {1: "The other run is", 2: "Both other runs are"}.get(others)
        runs = runs or f"All {others} other runs are"
        return f"{runs} less accurate than {best} by more than chance explains."
    runs = f"{ties} of {standing.compared} runs are"
    if ties == standing.compared:
        runs = "Both runs are" if others == 1 else f"All {ties} runs are"
    taken = standing.recommended.name
    if taken == best:
        taken += ", the best itself"
    return (
        f"{runs} as good as the best: chance may explain the differences. The simplest"
        f" and quickest of them is {taken}."
    )


def explain_optimism(standing: Standing) -> str:
    """Say by how much the accuracy of the best is too high for being the best."""
    size, count = points(standing.optimism), standing.compared
    if float(size) == 0:
        return (
            f"It owes little to luck which of {count} runs is the best: its accuracy in"
            " cross-validation is less than 0.1 points too high for that."
        )
    return (
        f"The best of {count} runs was lucky in part: its accuracy in cross-validation"
        f" is about {size} points too high for that. The test split chose nothing."
    )
