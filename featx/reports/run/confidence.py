"""Section: whether the predicted probabilities can be trusted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx import plots
from featx.evaluation.calibration import reliability
from featx.reports.numbers import percent
from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
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


def explain_confidence(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], error: float
) -> str:
    """Say whether the probabilities agree with how often they are right.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Probability of the predicted class.
    correct : ndarray of bool, shape (n,)
    error : float
        Expected calibration error.
    """
    sure, right = float(confidence.mean()), float(correct.mean())
    # Two standard errors of the accuracy, but at least two points.
    leeway = max(0.02, 2 * (right * (1 - right) / len(correct)) ** 0.5)
    if sure > right + leeway:
        verdict = "It is overconfident: treat its probabilities with caution."
    elif sure < right - leeway:
        verdict = "It is right more often than it says: it is underconfident."
    else:
        verdict = "On average its probabilities are about right."
    return (
        f"On average it gives the class it names a probability of {percent(sure)},"
        f" and is right {percent(right)} of the time. {verdict}"
        f" The mean gap over ten bins (expected calibration error) is {error:.3f}."
    )


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
