"""Section: what fine-tuning gained over the head that it started from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from featx.figures.training_curves import warmup_epochs
from featx.reports.numbers import duration, percent, points
from featx.reports.run.section import RunPage, Section
from featx.runs.metrics import FinetuneMetrics, FrozenOutputTimes, JoinedModelCheck
from featx.runs.run import Run

TEMPLATE = """\
<p>On the test split it reaches {{ test_gain }}</p>
<p>How long to train was chosen on {{ run.metrics.n_val | count }} of the
{{ run.metrics.n_train | count }} training images, which were held out.
{% set before = found.parent.val_accuracy | percent %}
{% if found.epochs %}
A head fitted without them got {{ before }} of them right, and
{{ show(run.metrics, "val_accuracy") }} after {{ found.epochs | counted("epoch") }} of
fine-tuning: {{ val_gain }} points (95% interval {{ val_interval }}; a little
optimistic, since they chose the epoch). The model here was then trained on all training
images, for as many epochs, from the head that was fitted on all of them.
{% else %}
No epoch made the model better there, so
{{ "the backbone is as it was" if warmup else "it is the head itself" }}; the head,
fitted without them, got {{ before }} of them right.
{% endif %}</p>
{% for sentence in more if sentence %}
<p>{{ sentence }}</p>
{% endfor %}
"""


@dataclass(frozen=True)
class Advice:
    """What a fine-tuned run recommends, by the held-out images.

    Attributes
    ----------
    finetuned : bool
        Whether it is the fine-tuned model, not the head that it started from.
    advice, reason : str
        A sentence each.
    """

    finetuned: bool
    advice: str
    reason: str


def recommend(run: Run) -> Advice | None:
    """Return what a fine-tuned run recommends; None for another run."""
    found = run.metrics.finetune
    if found is None:
        return None
    finetuned = found.recommended == "finetuned"
    if finetuned:
        verdict, advice = "it beats the head it started from", "Use this model."
    else:
        verdict = "fine-tuning does not beat it"
        advice = f"Use the head, {run.info.parent}."
    reason = f"On the held-out images {verdict} by more than chance would."
    return Advice(finetuned, advice, reason)


def finetuning_gain(runs: Sequence[Run]) -> str:
    """Say what fine-tuning is worth on one data set.

    Parameters
    ----------
    runs : sequence of Run
        Best first. The first fine-tuned one counts, but none on random weights.

    Returns
    -------
    str
        Empty where none was fine-tuned.
    """
    for run in runs:
        found, advice = run.metrics.finetune, recommend(run)
        if found and advice and not run.random_weights:
            return (
                f"On the test split {run.title}, reaches {_test_gain(run, found)}"
                f" {advice.reason} {advice.advice}"
            )
    return ""


def signed_points(share: float) -> str:
    """Write a difference of shares in percentage points, with its sign."""
    text = points(abs(share))
    if float(text) == 0:
        return text
    return f"{'+' if share > 0 else '−'}{text}"


def signed_range(interval: Sequence[float]) -> str:
    """Write the interval of such a difference."""
    low, high = interval
    return f"{signed_points(low)} to {signed_points(high)}"


def _test_gain(run: Run, found: FinetuneMetrics) -> str:
    low, high = found.gain_interval
    chance = ", so it could be chance" if low <= 0 <= high else ""
    return (
        f"{percent(run.metrics.accuracy)}, the head it started from"
        f" {percent(found.parent.accuracy)}: {signed_points(found.gain)}"
        f" points (95% interval {signed_range((low, high))}, paired by image{chance})."
    )


def explain_joined_model(check: JoinedModelCheck) -> str:
    """Say how closely the model before training agreed with the head."""
    agreed = check.distilled_agreement
    if agreed is not None:
        text = (
            "The head has no Keras layers: a dense layer was distilled from it, which"
            f" names the same class for {percent(agreed)} of {check.images:,} test"
            " images."
        )
    else:
        text = (
            "Before training the model gave the head's probabilities within"
            f" {check.largest_difference:.1e} on {check.images:,} test images"
            f" ({_allowed(check)})."
        )
    if check.drift is not None:
        text += (
            " The head's own embeddings are in a lower precision, which changes"
            f" probabilities by {check.drift:.2g} at most."
        )
    return text


def _allowed(check: JoinedModelCheck) -> str:
    """Say how far apart the two may be: float32 has few digits for large logits."""
    tolerance, logit = check.tolerance or 0.0, check.largest_logit or 0.0
    if check.largest_difference > tolerance:
        return (
            f"more than {tolerance:.0e}, which rounding can cause in a head that"
            " divides by tiny deviations"
        )
    return f"{tolerance:.0e} is allowed where logits reach {logit:.0f}"


def explain_frozen_outputs(times: FrozenOutputTimes | None) -> str:
    """Say what it saved to compute the frozen layers' outputs once, if it was done."""
    if not times or not times.seconds_epoch:
        return ""
    epoch, plain = times.seconds_epoch, times.seconds_epoch_plain
    compared = "."
    if plain is not None:
        compared = (
            f", and would take {duration(plain)} from the images:"
            f" {plain / epoch:.1f} times as long."
        )
    return (
        f"The outputs of {times.layer} were computed once, in"
        f" {duration(times.seconds_caching)}: an epoch on them took"
        f" {duration(epoch)}{compared}"
    )


def _content(page: RunPage) -> dict[str, Any] | None:
    run, found = page.run, page.run.metrics.finetune
    if found is None:
        return None
    return {
        "found": found,
        "test_gain": _test_gain(run, found),
        "val_gain": signed_points(found.val_gain),
        "val_interval": signed_range(found.val_gain_interval),
        "warmup": warmup_epochs(run.history()),
        "more": [
            explain_joined_model(found.graft),
            explain_frozen_outputs(found.boundary),
        ],
    }


SECTION = Section(
    "What fine-tuning gained", TEMPLATE, _content, prose=True, marked=True
)
