"""Section: which classes are mistaken for which."""

from typing import Any

import numpy as np

from featx import plots
from featx.figures.labels import lacking_glyphs
from featx.reports.numbers import percent, show
from featx.reports.run.section import RunPage, Section
from featx.runs.run import Run

PAIRS = 10

TEMPLATE = """\
<div class="{{ 'side' if run.classes | length <= 6 else 'stack' }}">
{{ figure(counts) }}
{{ figure(normalised) }}
</div>
<p class="hint">A row is a true class, a column a predicted one; the diagonal is right.
{% if run.classes | length > 12 %}Click a matrix for its full size.{% endif %}
{% if unnamed %}
A class whose name can't be drawn with the fonts on this computer goes by its number in
the table of classes.
{% endif %}</p>
<h3>Most confused pairs</h3>
{% if pairs %}
<div class="wide">
<table>
<thead><tr><th>True class</th><th>Predicted</th><th class="n">Images</th>
<th class="n">Of the class</th></tr></thead>
<tbody>
{% for label, predicted, count, share in pairs %}
<tr><td class="name">{{ label }}</td><td class="name">{{ predicted }}</td>
<td class="n">{{ count }}</td><td class="n">{{ share }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% else %}
<p>None: every test image got the right class.</p>
{% endif %}
"""


def confused_pairs(run: Run) -> list[tuple[str, str, int, str]]:
    """List the ten pairs of classes confused most often.

    Returns
    -------
    list of (str, str, int, str)
        The true and the predicted class, the number of images, and their share of the
        true class, in percent.
    """
    matrix = run.metrics.confusion
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    wrong = [(i, j) for i, j in zip(*np.nonzero(matrix), strict=True) if i != j]
    wrong.sort(key=lambda pair: (-matrix[pair], -shares[pair]))
    return [
        (run.classes[i], run.classes[j], int(matrix[i, j]), percent(shares[i, j]))
        for i, j in wrong[:PAIRS]
    ]


def _content(page: RunPage) -> dict[str, Any]:
    run = page.run
    classes = f"Confusion matrix of {len(run.classes)} classes"
    return {
        "counts": page.draw(
            "confusion_counts",
            plots.confusion_matrix(run),
            f"{classes} in numbers of test images; {show(run.metrics, 'accuracy')} of"
            " them lie on the diagonal.",
        ),
        "normalised": page.draw(
            "confusion_normalised",
            plots.confusion_matrix(run, normalised=True),
            f"{classes} in percent of each true class; the mean of the diagonal is"
            f" {show(run.metrics, 'balanced_accuracy')}.",
        ),
        "unnamed": lacking_glyphs(run.classes),
        "pairs": confused_pairs(run),
    }


SECTION = Section("Which classes are confused", TEMPLATE, _content)
