"""Section: all scores in a table, with their intervals and meanings."""

from statistics import median
from typing import Any

from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
<div class="wide">
<table class="scores">
<thead><tr><th>Metric</th><th class="n">Value</th><th class="n">95% interval</th>
<th class="meaning">What it says</th></tr></thead>
<tbody>
{% for metric in run.metrics.measured %}
<tr><th scope="row">{{ metric.label }}<br><code>{{ metric.key }}</code></th>
<td class="n strong">{{ show(run.metrics, metric.key) }}</td>
<td class="n interval">{{ show_interval(run.metrics, metric.key) or MISSING }}</td>
<td class="meaning">{{ metric.meaning }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
<p class="hint">All but cross-validation
{% if run.metrics.val_accuracy is not none %}and the accuracy held out {% endif %}are
measured on the {{ run.metrics.n_test | count }} test images. The intervals
{% if run.metrics.n_test_distinct is none %}
are bootstrap intervals, which are too narrow where nearly all images are right or a
class has few; fit again for better ones.
{% else %}
say which true scores fit these images, of which copies count as one.
{% if few_images %}
Those of macro precision and F1 are too narrow, because half of the classes have fewer
than six test images.
{% endif %}
{% endif %}
{% if run.finetuned %}
The accuracy held out is that of the training that was validated; it is a little
optimistic, since it chose the number of epochs.
{% endif %}</p>
"""


FEW = 6
"""Test images that half of the classes must have. One wrong image halves the precision
of a class of one, so that macro precision and F1 lie far below those of a larger
sample: of 200 classes, most with one to three images, intervals contained the truth in
at most 0.8 of simulated test splits instead of 0.95."""


def _content(page: RunPage) -> dict[str, Any]:
    supports = [one.support for one in page.run.metrics.per_class.values()]
    return {"few_images": median([one for one in supports if one] or [FEW]) < FEW}


SECTION = Section("All scores", TEMPLATE, _content, marked=True)
