"""Section: whether the predicted probabilities can be trusted."""

from typing import Any

from featx import plots
from featx.evaluation.calibration import reliability
from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
<div class="beside">
{{ figure(picture) }}
<div class="prose">
<p>On average it gives the class it names a probability of {{ sure | percent }}, and is
right {{ right | percent }} of the time.
{% if sure > right + leeway %}
It is overconfident: treat its probabilities with caution.
{% elif sure < right - leeway %}
It is right more often than it says: it is underconfident.
{% else %}
On average its probabilities are about right.
{% endif %}
The mean gap over ten bins (expected calibration error) is
{{ "%.3f" | format(error) }}.</p>
<p>Each dot gathers the test images whose predicted class got about the same
probability. On the dashed line the classifier is right as often as it says. Below the
line it is overconfident, above underconfident. Few images in a bin make a long
interval.</p>
</div>
</div>
"""


def _content(page: RunPage) -> dict[str, Any]:
    found = page.predictions
    right = float(found.correct.mean())
    return {
        "picture": page.draw(
            "reliability",
            plots.reliability(page.run),
            "Accuracy over confidence in ten bins, beside the diagonal where both are"
            " equal.",
        ),
        "sure": float(found.confidence.mean()),
        "right": right,
        # Two standard errors of the accuracy, but at least two points.
        "leeway": max(0.02, 2 * (right * (1 - right) / len(found.correct)) ** 0.5),
        "error": reliability(found.confidence, found.correct).error,
    }


SECTION = Section("How sure it is", TEMPLATE, _content)
