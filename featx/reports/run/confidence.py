"""Section: whether the predicted probabilities can be trusted."""

from typing import Any

from featx import plots
from featx.evaluation.calibration import reliability
from featx.evaluation.intervals import share_interval
from featx.reports.run.section import RunPage, Section

LEEWAY = 0.02
"""Gap between confidence and accuracy that doesn't matter, however certain."""

TEMPLATE = """\
<div class="beside">
{{ figure(picture) }}
<div class="prose">
<p>On average it gives the class it names a probability of {{ sure | percent }}, and is
right {{ right | percent }} of the time.
{% if verdict > 0 %}
It is overconfident: treat its probabilities with caution.
{% elif verdict < 0 %}
It is right more often than it says: it is underconfident.
{% else %}
The difference is no larger than chance explains, or too small to matter.
{% endif %}
The mean gap over ten bins (expected calibration error) is
{{ "%.3f" | format(error) }}.
{% if cv_sure %}
Of the {{ run.metrics.n_train | count }} training images, each while it was held out, it
was right {{ cv_right | percent }} of the time, and on average {{ cv_sure | percent }}
sure; one temperature was fitted to make the two agree.
{% endif %}</p>
<p>Each dot gathers the test images{% if cv_sure %}, each diamond the training
images,{% endif %} whose predicted class got about the same probability. On the dashed
line the classifier is right as often as it says. Below the line it is overconfident,
above underconfident. Few images in a bin make a long interval.</p>
</div>
</div>
"""


def _content(page: RunPage) -> dict[str, Any]:
    found = page.predictions
    sure, right = float(found.confidence.mean()), float(found.correct.mean())
    share = page.run.metrics.share_independent
    in_folds = page.cv_predictions
    return {
        "picture": page.draw(
            "reliability",
            plots.reliability(page.run),
            "Accuracy over confidence in ten bins, beside the diagonal where both are"
            " equal.",
        ),
        "sure": sure,
        "right": right,
        "verdict": _verdict(sure, right, len(found.correct) * share),
        "error": reliability(found.confidence, found.correct).error,
        "cv_sure": in_folds and float(in_folds.confidence.mean()),
        "cv_right": in_folds and float(in_folds.correct[0].mean()),
    }


def _verdict(sure: float, right: float, n: float) -> int:
    """Return 1 for overconfident, -1 for underconfident, 0 where neither is certain.

    Parameters
    ----------
    sure, right : float
        Mean confidence, and accuracy.
    n : float
        Test images, without copies.
    """
    low, high = share_interval(right, n)
    if sure > max(high, right + LEEWAY):
        return 1
    return -1 if sure < min(low, right - LEEWAY) else 0


SECTION = Section("How sure it is", TEMPLATE, _content)
