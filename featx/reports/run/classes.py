"""Section: precision, recall and F1 of each class."""

from typing import Any

from featx import plots
from featx.figures.per_class import by_f1
from featx.reports.numbers import show
from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
{{ figure(picture) }}
<div class="wide{{ ' tall' if rows | length > 25 }}"
{% if rows | length > 25 %}
tabindex="0" role="region" aria-label="Table of classes"
{% endif %}>
<table>
<thead><tr><th class="n">No.</th><th>Class</th><th class="n">Precision</th>
<th class="n">Recall</th><th class="n">F1</th><th class="bar" aria-hidden="true"></th>
<th class="n">Test images</th></tr></thead>
<tbody>
{% for number, name, scores in rows %}
<tr><td class="n quiet">{{ number }}</td><td class="name">{{ name }}</td>
<td class="n">{{ "%.3f" | format(scores.precision) }}</td>
<td class="n">{{ "%.3f" | format(scores.recall) }}</td>
<td class="n strong">{{ "%.3f" | format(scores.f1) }}</td>
<td class="bar" aria-hidden="true">{{ bar(scores.f1) }}</td>
<td class="n">{{ scores.support }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
"""


def _content(page: RunPage) -> dict[str, Any]:
    run = page.run
    scores = run.metrics.per_class
    picture = page.draw(
        "per_class",
        plots.per_class(run),
        "Precision, recall and F1 by class, best F1 first; the mean F1 is"
        f" {show(run.metrics, 'f1_macro')}. The table of classes has the numbers.",
    )
    rows = [
        (i + 1, run.classes[i], scores[run.classes[i]])
        for i in by_f1(scores, run.classes)
    ]
    return {"picture": picture, "rows": rows}


SECTION = Section("Class by class", TEMPLATE, _content)
