"""Section: the wrong predictions that the run was surest of."""

from typing import Any

import numpy as np

from featx.images.packed.find import data_path
from featx.reports.numbers import percent
from featx.reports.pictures import thumbnail
from featx.reports.run.section import RunPage, Section
from featx.runs.predictions import RunPredictions
from featx.runs.run import Run

MISTAKES = 12


def surest_mistakes(run: Run, predictions: RunPredictions) -> list[dict[str, str]]:
    """List the twelve wrong predictions with the highest confidence.

    Returns
    -------
    list of dict
        `path` relative to the data folder; the classes `true` and `predicted`;
        `confidence`, in percent; `picture`, a small JPEG as a data URI, empty where
        the file can't be read.
    """
    wrong = np.flatnonzero(~predictions.correct)
    surest = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")]
    root = data_path(run.info.data.root)
    return [
        {
            "path": predictions.paths[i],
            "true": predictions.labels[i],
            "predicted": predictions.predicted[i],
            "confidence": percent(float(predictions.confidence[i])),
            "picture": thumbnail(root, predictions.paths[i]),
        }
        for i in surest[:MISTAKES]
    ]


TEMPLATE = """\
{% if mistakes %}
<p class="hint">{{ mistakes | length }} of {{ wrong | count }} wrong predictions.
Look at them first: often the label is wrong, or two classes are one.</p>
<table class="mistakes">
<thead><tr><th>Image</th><th>True class</th><th>Predicted</th>
<th class="n">Confidence</th></tr></thead>
<tbody>
{% for item in mistakes %}
<tr><td class="image">
{% if item.picture %}
<img src="{{ item.picture }}" alt="Test image of class {{ item.true }}">
{% endif %}
<span class="path">{{ item.path }}</span></td>
<td class="name" data-label="True class">{{ item.true }}</td>
<td class="name" data-label="Predicted">{{ item.predicted }}</td>
<td class="n" data-label="Confidence">{{ item.confidence }}</td></tr>
{% endfor %}
</tbody>
</table>
{% else %}
<p>None: every test image got the right class.</p>
{% endif %}
"""


def _content(page: RunPage) -> dict[str, Any]:
    return {
        "mistakes": surest_mistakes(page.run, page.predictions),
        "wrong": int((~page.predictions.correct).sum()),
    }


SECTION = Section("The mistakes it was surest of", TEMPLATE, _content)
