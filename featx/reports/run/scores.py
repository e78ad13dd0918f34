"""Section: all scores in a table, with their intervals and meanings."""

from featx.reports.run.section import Section

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
{% endif %}
{% if run.finetuned %}
The accuracy held out is of models that were trained without these images; it is a
little optimistic, since they chose how far to go.
{% elif run.metrics.best_epoch is not none %}
The accuracy held out is a little optimistic, since it chose the epoch.
{% endif %}</p>
"""


SECTION = Section("All scores", TEMPLATE, lambda _: {}, marked=True)
