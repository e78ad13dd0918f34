"""Section: whether the predicted probabilities can be trusted."""

from typing import Any

from featx import plots
from featx.evaluation.calibration import reliability
from featx.reports.run.explain import explain_confidence
from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
{% from "parts.html.j2" import figure %}
<div class="beside">
{{ figure(picture) }}
<div class="prose">
<p>{{ trust }}</p>
<p>Each dot gathers the test images whose predicted class got about the same
probability. On the dashed line the classifier is right as often as it says. Below the
line it is overconfident, above underconfident. Few images in a bin make a long
interval.</p>
</div>
</div>
"""


def _content(page: RunPage) -> dict[str, Any]:
    found = page.predictions
    error = reliability(found.confidence, found.correct).error
    return {
        "picture": page.draw(
            "reliability",
            plots.reliability(page.run),
            "Accuracy over confidence in ten bins, beside the diagonal where both are"
            " equal.",
        ),
        "trust": explain_confidence(found.confidence, found.correct, error),
    }


SECTION = Section("How sure it is", TEMPLATE, _content)
