"""Section: what more training images would likely bring."""

from collections.abc import Callable, Sequence
from typing import Any

from featx import plots
from featx.reports.numbers import percent
from featx.reports.run.section import RunPage, Section
from featx.runs.metrics import LearningCurve

SMALL = 0.005
"""Gain below which the accuracy is said to stay as it is."""

UNKNOWN = {
    "few images": "There are too few training images a class to say what more of them"
    " would bring.",
    "falling": "The accuracy doesn't rise with the number of training images, so"
    " nothing can be said about what more of them would bring.",
}

TEMPLATE = """\
<div class="beside">
{{ figure(picture) }}
<div class="prose">
<p><strong>{{ words }}</strong></p>
<p>Each point is the accuracy on training images that were held out, of heads fitted on
parts of the others; the last one is the cross-validation itself.
{% if curve.law %}
The curve is a power law of the error,
{{ "%.3g" | format(curve.law.a) }}&nbsp;n<sup>&minus;{{ "%.2g" | format(curve.law.b)
}}</sup>{% if curve.law.c %} + {{ "%.2g" | format(curve.law.c) }}{% endif %}, with n
images a class. The 95% interval holds for images from the same source, labelled in the
same way, and for this head.
{% endif %}</p>
<div class="wide">
<table class="small">
<thead><tr><th class="n">Images a class</th><th class="n">Accuracy</th>
<th class="n">Deviation</th><th class="n">Fits</th></tr></thead>
<tbody>
{% for point in curve.points %}
<tr><td class="n">{{ number(point.images_per_class) }}</td>
<td class="n strong">{{ point.accuracy | percent }}</td>
<td class="n">{{ MISSING if point.std is none else point.std | points }}</td>
<td class="n">{{ point.fits }}</td></tr>
{% endfor %}
{% if curve.forecast %}
<tr><td class="n">{{ number(curve.forecast.images_per_class) }}</td>
<td class="n">{{ curve.forecast.accuracy | percent }}</td>
<td class="n" colspan="2">forecast, {{ interval }}</td></tr>
{% endif %}
</tbody>
</table>
</div>
</div>
</div>
"""


def forecast_words(
    curve: LearningCurve, write: Callable[[float], str] = percent
) -> str:
    """Say in a sentence what twice the training images would likely bring.

    Parameters
    ----------
    curve : LearningCurve
    write : callable
        Writes an accuracy.
    """
    found = curve.forecast
    if found is None:
        return UNKNOWN[curve.reason]
    low, high = map(write, found.interval)
    before = curve.points[-1].accuracy
    now, then = write(before), write(found.accuracy)
    rises = found.accuracy - before >= SMALL
    verb = f"rise from {now} to {then}" if rises else f"stay at about {then}"
    return (
        f"With twice the images a class, accuracy would likely {verb}"
        f" ({low} to {high})."
    )


def _content(page: RunPage) -> dict[str, Any] | None:
    curve = page.run.metrics.learning_curve
    if curve is None:
        return None
    return {
        "picture": page.draw(
            "learning_curve",
            plots.learning_curve(page.run),
            f"{_points_in_words(curve)} {forecast_words(curve)}",
        ),
        "curve": curve,
        "words": forecast_words(curve),
        "interval": _interval(curve),
        "number": images_a_class,
    }


def images_a_class(count: float) -> str:
    """Write a mean number of images: ``2.4``, ``12``, ``1,600``."""
    return f"{count:,.1f}" if count < 10 else f"{count:,.0f}"


def _points_in_words(curve: LearningCurve) -> str:
    """Name the first and the last point that were measured, for the alt text."""
    ends: Sequence[str] = [
        f"{percent(point.accuracy)} with {images_a_class(point.images_per_class)}"
        for point in dict.fromkeys((curve.points[0], curve.points[-1]))
    ]
    return f"Accuracy against training images a class: {', '.join(ends)}."


def _interval(curve: LearningCurve) -> str:
    if curve.forecast is None:
        return ""
    low, high = map(percent, curve.forecast.interval)
    return f"{low} to {high}"


SECTION = Section("More images", TEMPLATE, _content, marked=True)
