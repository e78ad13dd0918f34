"""Section: the test images that are like nothing in training."""

from typing import Any

import numpy as np

from featx.evaluation.familiarity import UNLIKE
from featx.images.packed.find import data_path
from featx.reports.numbers import percent
from featx.reports.pictures import thumbnail
from featx.reports.run.section import RunPage, Section

LISTED = 12

TEMPLATE = """\
<p class="hint">{{ count | count }} of {{ total | count }} test images
{{ "is" if count == 1 else "are" }} farther from the training images than
{{ limit }} of these are from each other; about {{ expected | count }} would be by
chance.
{% if images %}
Look whether {{ "it belongs" if count == 1 else "they belong" }} to the data.
{% if count > images | length %}
The {{ images | length }} farthest:
{% endif %}
{% endif %}
In new images, <code>featx predict</code> names those that are like nothing in training.
</p>
{% if images %}
<table class="mistakes">
<thead><tr><th>Image</th><th>True class</th><th>Predicted</th>
<th class="n">Training images that are nearer</th></tr></thead>
<tbody>
{% for item in images %}
<tr><td class="image">
{% if item.picture %}
<img src="{{ item.picture }}" alt="Test image of class {{ item.true }}">
{% endif %}
<span class="path">{{ item.path }}</span></td>
<td class="name" data-label="True class">{{ item.true }}</td>
<td class="name" data-label="Predicted">{{ item.predicted }}</td>
<td class="n" data-label="Training images that are nearer">{{ item.share }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
"""


def _content(page: RunPage) -> dict[str, Any] | None:
    known = page.run.familiarity()
    if known is None:
        return None
    found, root = page.predictions, data_path(page.run.info.data.root)
    shares = known.nearer_share(known.test)
    unlike = np.flatnonzero(shares >= UNLIKE)
    farthest = unlike[np.argsort(-known.test[unlike], kind="stable")][:LISTED]
    return {
        "count": len(unlike),
        "total": len(shares),
        "limit": percent(UNLIKE, 0),
        "expected": round((1 - UNLIKE) * len(shares)),
        "images": [
            {
                "path": found.paths[i],
                "true": found.labels[i],
                "predicted": found.predicted[i],
                "share": percent(float(shares[i])),
                "picture": thumbnail(root, found.paths[i]),
            }
            for i in farthest
        ],
    }


SECTION = Section("Test images like nothing in training", TEMPLATE, _content)
