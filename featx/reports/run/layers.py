"""Section: the layers of a network from scratch."""

from typing import Any

from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
<div class="wide">
<table class="small">
<thead><tr><th>Layer</th><th class="n">Output</th><th class="n">Parameters</th></tr>
</thead>
<tbody>
{% for layer in layers %}
<tr><td>{{ layer.name }}</td><td class="n">{{ layer.shape | join(" × ") }}</td>
<td class="n">{{ layer.parameters | count }}</td></tr>
{% endfor %}
<tr><td>all</td><td></td><td class="n strong">{{ total | count }}</td></tr>
</tbody>
</table>
</div>
"""


def _content(page: RunPage) -> dict[str, Any] | None:
    layers = page.run.info.layers
    if not layers:
        return None
    return {"layers": layers, "total": sum(layer.parameters for layer in layers)}


SECTION = Section("Layers", TEMPLATE, _content)
