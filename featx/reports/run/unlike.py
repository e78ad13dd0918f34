"""Section: the test images that are like nothing in training."""

from typing import Any

import numpy as np

from featx.evaluation.familiarity import UNLIKE
from featx.reports.numbers import percent
from featx.reports.run.section import RunPage, Section
from featx.reports.run.shown_images import shown_images

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
{{ image_table(images, "Training images that are nearer", "share") }}
{% endif %}
"""


def _content(page: RunPage) -> dict[str, Any] | None:
    known = page.run.familiarity()
    if known is None:
        return None
    shares = known.nearer_share(known.test)
    unlike = np.flatnonzero(shares >= UNLIKE)
    farthest = unlike[np.argsort(-known.test[unlike], kind="stable")][:LISTED]
    shown = shown_images(page.run, page.predictions, farthest)
    return {
        "count": len(unlike),
        "total": len(shares),
        "limit": percent(UNLIKE, 0),
        "expected": round((1 - UNLIKE) * len(shares)),
        "images": [
            {**one, "share": percent(float(shares[i]))}
            for one, i in zip(shown, farthest, strict=True)
        ],
    }


SECTION = Section("Test images like nothing in training", TEMPLATE, _content)
