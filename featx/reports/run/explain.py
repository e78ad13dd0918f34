"""Section: what a run's scores mean, in sentences for someone new to them."""

from typing import Any

import numpy as np

from featx.evaluation.intervals import independent_difference, share_interval
from featx.figures.labels import shorten
from featx.figures.per_class import by_f1
from featx.reports.numbers import counted, folds_of
from featx.reports.run.section import RunPage, Section
from featx.runs.metrics import Metrics

FEW = 10
"""Test images of a class; with fewer, that is said."""

TEMPLATE = """\
{% set metrics = run.metrics %}
<p>Of {{ metrics.n_test | count }} test
{{ "image that was" if metrics.n_test == 1 else "images that were" }} kept out of
training, {{ right | count }} got the right class: {{ show(metrics, "accuracy") }}.
{% if copies %}
They show only {{ metrics.n_test_distinct | count }} different pictures, the others are
copies: the intervals count each picture once.
{% endif %}
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
<p>Cross-validation inside the train split, {{ folds }}, gave
{{ show(metrics, "cv_accuracy") }}
{%- if metrics.cv_accuracy_std is not none %}, with a standard deviation of
{{ metrics.cv_accuracy_std | points }} points between the
{{ "repeats" if run.cv_settings[1] > 1 else "folds" }}
{%- endif %}{{ agreement }}.</p>
{% endif %}
{% if metrics.n_val and not run.finetuned %}
<p>It learned from {{ (metrics.n_train - metrics.n_val) | count }} of the
{{ metrics.n_train | count }} training images; the other {{ metrics.n_val | count }}
{% if metrics.best_epoch is none %}
were held out to monitor it and chose nothing. Of these it got
{{ show(metrics, "val_accuracy") }} right.
{% else %}
were held out to choose its epoch and how sure it is. Of these it got
{{ show(metrics, "val_accuracy") }} right, which is a little optimistic, therefore.
{% endif %}
{% if metrics.cv_accuracy is none %}
It was not cross-validated (--folds), which trains it once per fold, so it is ranked
after the runs that were.
{% endif %}</p>
{% endif %}
{% if metrics.repeats %}
{% set tested = metrics.repeats.accuracy %}
<p>Trained {{ metrics.repeats.seeds | length }} times with other seeds, it reached
{{ tested.mean | percent }} on the test split on average, with a standard deviation of
{{ tested.std | points }} points between the trainings
{%- if metrics.repeats.log_loss %}
, and a log loss of {{ "%.3f" | format(metrics.repeats.log_loss.mean) }} with one of
{{ "%.3f" | format(metrics.repeats.log_loss.std) }}
{%- endif %}. The scores and predictions here are those of the first; none was
picked.</p>
{% endif %}
{% if extremes %}
<p>{{ extremes }}</p>
{% endif %}
{% if few %}
<p>{{ few }}</p>
{% endif %}
"""


def _content(page: RunPage) -> dict[str, Any]:
    metrics = page.run.metrics
    distinct = metrics.n_test_distinct
    return {
        "right": int(np.trace(metrics.confusion)),
        "commonest": metrics.confusion.sum(axis=1).max() / metrics.n_test,
        "agreement": _agreement(metrics),
        "copies": distinct is not None and distinct < metrics.n_test,
        "extremes": _extremes(metrics) if len(metrics.classes) > 2 else "",
        "few": _few_images(metrics),
        "folds": folds_of(page.run),
    }


def _extremes(metrics: Metrics) -> str:
    """Say which classes have the highest and the lowest F1, and if it is certain."""
    ranked = [metrics.classes[i] for i in by_f1(metrics.per_class, metrics.classes)]
    best, worst = _tied(metrics, ranked), _tied(metrics, ranked[::-1])
    if len(best) == len(ranked):
        return f"All classes have {_f1(metrics, ranked[0])}."
    certain = (
        _surely_above(metrics, *ranked[:2]),
        _surely_above(metrics, *ranked[-2:]),
    )
    if all(certain):
        return (
            f"It knows {shorten(ranked[0], 60)} best and has the most trouble with"
            f" {shorten(ranked[-1], 60)}."
        )
    return (
        f"{_named(metrics, best)}, the highest; {_named(metrics, worst)}, the lowest."
        " With other test images the order of the classes could well be another."
    )


def _tied(metrics: Metrics, ranked: list[str]) -> list[str]:
    """Return the classes whose F1 is that of the first."""
    scores = metrics.per_class
    return [one for one in ranked if scores[one].f1 == scores[ranked[0]].f1]


def _f1(metrics: Metrics, name: str) -> str:
    return f"F1 {metrics.per_class[name].f1:.3g}"


def _named(metrics: Metrics, tied: list[str]) -> str:
    """Say how high the F1 of some classes is that have the same."""
    if len(tied) == 1:
        return f"{shorten(tied[0], 60)} has {_f1(metrics, tied[0])}"
    return f"{len(tied):,} classes have {_f1(metrics, tied[0])}"


def _surely_above(metrics: Metrics, upper: str, lower: str) -> bool:
    """Say whether the 95% interval of one class's recall is above that of another.

    F1 orders the classes, and precision can put the one with the lower recall first.
    """
    above, below = metrics.per_class[upper], metrics.per_class[lower]
    if not (above.support and below.support):
        return False
    # Copies say nothing new, and which classes have them is not recorded.
    share = metrics.share_independent
    low, _ = share_interval(above.recall, share * above.support)
    _, high = share_interval(below.recall, share * below.support)
    return low > high


def _few_images(metrics: Metrics) -> str:
    """Say how many classes have too few test images for scores of their own."""
    few = sum(one.support < FEW for one in metrics.per_class.values())
    if not few:
        return ""
    which = counted(few, "class has", "classes have")
    return f"{which} fewer than ten test images: scores of single classes are rough."


def _agreement(metrics: Metrics) -> str:
    """Say how the cross-validation compares with the test split.

    They differ where the interval of the difference excludes 0. Runs without an
    interval of the cross-validation have its deviation from the test split's interval
    judged.
    """
    interval, inner = metrics.intervals.get("accuracy"), metrics.cv_accuracy
    if interval is None or inner is None:
        return ""
    inner_interval = metrics.intervals.get("cv_accuracy", (inner, inner))
    low, high = independent_difference(
        inner, inner_interval, metrics.accuracy, interval
    )
    if low > 0:
        return (
            ", more than the test split: its images may be harder, or differ from"
            " those in training"
        )
    if high < 0:
        return (
            ", less than the test split: its images may be easier, and each fold"
            " learned from fewer images"
        )
    return ", which agrees with the test split"


SECTION = Section("What this means", TEMPLATE, _content, prose=True, marked=True)
