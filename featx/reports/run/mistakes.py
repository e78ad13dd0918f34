"""Section: the wrong predictions that the run was surest of."""

from typing import Any

import numpy as np

from featx.reports.numbers import percent
from featx.reports.run.section import RunPage, Section
from featx.reports.run.shown_images import shown_images
from featx.runs.predictions import RunPredictions
from featx.runs.run import Run

MISTAKES = 12


def surest_mistakes(run: Run, predictions: RunPredictions) -> list[dict[str, str]]:
    """List the twelve wrong predictions with the highest confidence.

    Returns
    -------
    list of dict
        As `shown_images` returns, and `confidence`, in percent.
    """
    wrong = np.flatnonzero(~predictions.correct)
    order = np.argsort(-predictions.confidence[wrong], kind="stable")
    surest = wrong[order][:MISTAKES]
    shown = shown_images(run, predictions, surest)
    return [
        {**one, "confidence": percent(float(predictions.confidence[i]))}
        for one, i in zip(shown, surest, strict=True)
    ]


TEMPLATE = """\
{% if mistakes %}
<p class="hint">{{ mistakes | length }} of {{ wrong | count }} wrong predictions.
Look at them first: often the label is wrong, or two classes are one.</p>
{{ image_table(mistakes, "Confidence", "confidence") }}
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
