"""Section: the wrong predictions that the run was surest of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featx.reports.numbers import percent
from featx.reports.pictures import thumbnail
from featx.reports.run.section import RunPage, Section
from featx.runs.run import Run, RunPredictions

MISTAKES = 12


@dataclass(frozen=True)
class Mistake:
    """A wrongly classified test image.

    Attributes
    ----------
    path : str
        Relative to the data folder.
    true, predicted : str
        Class names.
    confidence : str
        Probability of the predicted class, in percent.
    picture : str
        A small JPEG as a data URI; empty where the file can't be read.
    """

    path: str
    true: str
    predicted: str
    confidence: str
    picture: str


def surest_mistakes(run: Run, predictions: RunPredictions) -> list[Mistake]:
    """List the twelve wrong predictions with the highest confidence."""
    wrong = [i for i, correct in enumerate(predictions.correct) if not correct]
    wrong.sort(key=lambda i: -predictions.confidence[i])
    root = Path(run.info.data.root)
    return [
        Mistake(
            predictions.paths[i],
            predictions.labels[i],
            predictions.predicted[i],
            percent(float(predictions.confidence[i])),
            thumbnail(root, predictions.paths[i]),
        )
        for i in wrong[:MISTAKES]
    ]


TEMPLATE = """\
{% if mistakes %}
<p class="hint">{{ mistakes | length }} of {{ "{:,}".format(wrong) }} wrong predictions.
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
