"""Section: what a run's scores mean, in sentences for someone new to them."""

from typing import Any

import numpy as np

from featx.figures.labels import shorten
from featx.figures.per_class import by_f1
from featx.reports.run.section import RunPage, Section
from featx.runs.metrics import Metrics

TEMPLATE = """\
{% set metrics = run.metrics %}
<p>Of {{ metrics.n_test | count }} test
{{ "image that was" if metrics.n_test == 1 else "images that were" }} kept out of
training, {{ right | count }} got the right class: {{ show(metrics, "accuracy") }}.
{% if "accuracy" in metrics.intervals %}
Another test of this size could well differ: a true accuracy anywhere from
{{ show_interval(metrics, "accuracy") }} fits this result (95% interval).
{% endif %}</p>
<p>For comparison: guessing among the {{ run.classes | length | count }} classes would
be right {{ (1 / (run.classes | length)) | percent }} of the time, always naming the
commonest one {{ commonest | percent }}.</p>
{% if run.from_scratch %}
<p>All {{ metrics.parameters | count }} parameters of {{ run.backbone }} were
initialised at random and learned from these training images alone. The leaderboard
compares it with networks that were trained on ImageNet.</p>
{% endif %}
{% if metrics.cv_accuracy is not none %}
<p>Cross-validation inside the train split gave {{ show(metrics, "cv_accuracy") }}
{{- deviation(metrics) }}{{ agreement }}.</p>
{% endif %}
{% if metrics.n_val and not run.finetuned %}
<p>It learned from {{ (metrics.n_train - metrics.n_val) | count }} of the
{{ metrics.n_train | count }} training images; the other {{ metrics.n_val | count }}
were held out to monitor it and chose nothing. Of these it got
{{ show(metrics, "val_accuracy") }} right.
{% if metrics.cv_accuracy is none %}
It was not cross-validated (--folds), which trains it once per fold, so it is ranked
after the runs that were.
{% endif %}</p>
{% endif %}
{% if metrics.repeats %}
{% set tested = metrics.repeats.accuracy %}
<p>Trained {{ metrics.repeats.seeds | length }} times with other seeds, it reached
{{ tested.mean | percent }} ± {{ tested.std | points }} on the test split. The scores
and predictions here are those of the first; none was picked.</p>
{% endif %}
{% if run.classes | length > 2 %}
<p>It knows {{ best }} best and has the most trouble with {{ worst }}.</p>
{% endif %}
"""


def _content(page: RunPage) -> dict[str, Any]:
    metrics = page.run.metrics
    ranked = [metrics.classes[i] for i in by_f1(metrics.per_class, metrics.classes)]
    return {
        "right": int(np.trace(metrics.confusion)),
        "commonest": metrics.confusion.sum(axis=1).max() / metrics.n_test,
        "agreement": _agreement(metrics),
        "best": shorten(ranked[0], 60),
        "worst": shorten(ranked[-1], 60),
    }


def _agreement(metrics: Metrics) -> str:
    """Say how the cross-validation compares with the test split's interval."""
    interval = metrics.intervals.get("accuracy")
    if interval is None or metrics.cv_accuracy is None:
        return ""
    low, high = interval
    if metrics.cv_accuracy > high:
        return (
            ", more than the test split: its images may be harder, or differ from"
            " those in training"
        )
    if metrics.cv_accuracy < low:
        return (
            ", less than the test split: its images may be easier, and each fold"
            " learned from fewer images"
        )
    return ", which agrees with the test split"


SECTION = Section("What this means", TEMPLATE, _content, prose=True, marked=True)
