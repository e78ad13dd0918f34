"""Section: all scores in a table, with their intervals and meanings."""

from typing import Any

from featx.reports.numbers import metric_rows
from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
<div class="wide">
<table class="scores">
<thead><tr><th>Metric</th><th class="n">Value</th><th class="n">95% interval</th>
<th class="meaning">What it says</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.label }}<br><code>{{ row.key }}</code></th>
<td class="n strong">{{ row.value }}</td>
<td class="n interval">{{ row.interval or "–" }}</td>
<td class="meaning">{{ row.meaning }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
<p class="hint">All but cross-validation
{% if run.metrics.val_accuracy is not none %} and the accuracy held out{% endif %}
are measured on the {{ "{:,}".format(run.metrics.n_test) }} test images. The intervals
are bootstrap intervals.
{% if run.finetuned %}
The accuracy held out is that of the training that was validated; it chose how long to
train, which flatters it a little.
{% endif %}</p>
"""


def _content(page: RunPage) -> dict[str, Any]:
    return {"rows": metric_rows(page.run.metrics)}


SECTION = Section("All scores", TEMPLATE, _content, marked=True)
