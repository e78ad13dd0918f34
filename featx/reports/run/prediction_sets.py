"""Section: sets of classes that contain the true one, and how often they do."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.conformal import SetRule
from featx.evaluation.intervals import share_interval
from featx.reports.numbers import counted, percent
from featx.reports.run.section import RunPage, Section
from featx.runs.predictions import RunPredictions
from featx.runs.run import Run

COVERAGES = (0.9, 0.95)

SIZES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, None))
"""First and last size of the rows of the table of sizes."""

WORST = 5
"""Classes with the least coverage that are named."""

TEMPLATE = """\
<div class="prose">
<p>Instead of one class, an image can get a set of classes that contains the true one
with a chance that you choose: <code>featx predict {{ run.name }} IMAGES
--coverage 0.95</code>. An image with a large set is doubtful. How probable a class must
be to get into the set follows from the {{ n | count }} training images, each while it
was held out; the test images only check it.</p>
</div>
<div class="wide">
<table>
<thead><tr><th class="n">Coverage asked for</th><th class="n">Reached</th>
<th class="n">95% interval</th><th class="n">Mean size</th>
{% for label in labels %}<th class="n">{{ label }}</th>{% endfor %}
</tr></thead>
<tbody>
{% for row in rows %}
<tr><td class="n">{{ row.asked }}</td><td class="n strong">{{ row.reached }}</td>
<td class="n">{{ row.interval }}</td><td class="n">{{ "%.2f" | format(row.size) }}</td>
{% for share in row.shares %}<td class="n">{{ share }}</td>{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
<div class="prose">
{% for row in rows if row.words %}
<p>{{ row.words }}</p>
{% endfor %}
<p>The coverage is that of all images together, and only of images like these: a class
of its own may be found less often.{% if worst %} With sets for {{ rows[-1].asked }},
the test images of these classes were covered least:
{% for class in worst %}
<span class="name">{{ class.name }}</span>, {{ class.hits }} of {{ class.support }}
(95%: {{ class.interval }}){{ ";" if not loop.last else "." }}
{% endfor %}
The worst of many classes look bad by chance as well.{% endif %}</p>
</div>
"""


class _Sets(NamedTuple):
    """The prediction sets of the test images, at one coverage.

    Attributes
    ----------
    rule : SetRule
    sizes : ndarray of int, shape (n_test,)
    hits : ndarray of bool, shape (n_test,)
        Whether each set contains the true class.
    """

    rule: SetRule
    sizes: NDArray[np.intp]
    hits: NDArray[np.bool_]


def _content(page: RunPage) -> dict[str, Any] | None:
    run = page.run
    in_folds = page.cv_predictions
    if in_folds is None:
        return None
    truth = _codes(run, page.predictions)
    each = []
    for coverage in COVERAGES:
        rule = in_folds.set_rule(coverage)
        members = rule.members(page.predictions.probabilities)
        hits = members[np.arange(len(truth)), truth]
        each.append(_Sets(rule, members.sum(axis=1), hits))
    last = [(first, end) for first, end in SIZES if first <= len(run.classes)]
    return {
        "n": each[0].rule.n,
        "labels": [_label(first, end) for first, end in last],
        "rows": [_row(run, sets, last) for sets in each],
        "worst": _worst(run, truth, each[-1]),
    }


def _codes(run: Run, found: RunPredictions) -> NDArray[np.intp]:
    """Return the true classes of the test images, as indices into the run's classes."""
    place = {name: code for code, name in enumerate(run.classes)}
    return np.array([place[name] for name in found.labels], np.intp)


def _label(first: int, end: int | None) -> str:
    if first == end:
        return counted(first, "class", "classes")
    return f"{first} or more" if end is None else f"{first} to {end}"


def _row(
    run: Run, sets: _Sets, buckets: list[tuple[int, int | None]]
) -> dict[str, Any]:
    """Return what the table says of the sets at one coverage."""
    n = len(sets.hits) * run.metrics.share_independent
    reached = float(sets.hits.mean())
    low, high = share_interval(reached, n)
    within = [
        (sets.sizes >= first) & (sets.sizes <= (end or sets.sizes.max()))
        for first, end in buckets
    ]
    return {
        "asked": percent(sets.rule.coverage, 0),
        "reached": percent(reached),
        "interval": f"{percent(low)} to {percent(high)}",
        "size": float(sets.sizes.mean()),
        "shares": [percent(float(one.mean())) for one in within],
        "words": _words(sets.rule, reached, n),
    }


def _words(rule: SetRule, reached: float, n: float) -> str:
    """Say what is remarkable about the sets at one coverage; empty if nothing is.

    Parameters
    ----------
    rule : SetRule
    reached : float
        The coverage of the test images.
    n : float
        Test images, without copies.
    """
    asked = percent(rule.coverage, 0)
    # The images that the rule was calibrated on were drawn by chance as well.
    low, high = share_interval(reached, 1 / (1 / n + 1 / rule.n))
    if not rule.least:
        return (
            f"For {asked} every set has all classes: too few of"
            f" {counted(rule.n, 'held-out image')} were recognized, or so few images"
            " can't promise that much."
        )
    if high < rule.coverage:
        return (
            f"Sets for {asked} contain the true class less often than they should, and"
            " less often than chance explains: the test images may be unlike the"
            " training images."
        )
    if low > rule.coverage:
        return (
            f"Sets for {asked} contain the true class more often than they must: as the"
            " most probable class is always in the set, it can't be less often than"
            " that one is right; and the run learned from more images than those who"
            " were asked in the cross-validation."
        )
    return ""


def _worst(run: Run, truth: NDArray[np.intp], sets: _Sets) -> list[dict[str, Any]]:
    """Return the classes whose test images were covered least, of those below."""
    support = np.bincount(truth, minlength=len(run.classes))
    hits = np.bincount(truth, weights=sets.hits, minlength=len(run.classes))
    coverage = np.divide(hits, support, out=np.ones(len(support)), where=support > 0)
    below = [
        code
        for code in np.argsort(coverage, kind="stable")[:WORST]
        if coverage[code] < sets.rule.coverage
    ]
    found = []
    for code in below:
        n = support[code] * run.metrics.share_independent
        low, high = share_interval(float(coverage[code]), n)
        found.append(
            {
                "name": run.classes[code],
                "hits": int(hits[code]),
                "support": int(support[code]),
                "interval": f"{percent(low, 0)} to {percent(high, 0)}",
            }
        )
    return found


SECTION = Section("Prediction sets", TEMPLATE, _content)
