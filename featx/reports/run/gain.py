"""Section: what fine-tuning gained over the head that it started from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from featx.errors import RunError
from featx.evaluation.intervals import independent_images, paired_difference
from featx.reports.numbers import counted, duration, percent, points
from featx.reports.run.section import RunPage, Section
from featx.runs.metrics import FinetuneMetrics, FrozenOutputTimes, JoinedModelCheck
from featx.runs.ranking import rank_runs
from featx.runs.run import Run

TEMPLATE = """\
<p>On the test split it reaches {{ test_gain }}</p>
{% set averaged = found.share is not none %}
{% set metrics = run.metrics %}
<p>{{ "How much of it to keep" if averaged else "How long to train" }} was chosen on
{{ "all" if metrics.n_val == metrics.n_train else metrics.n_val | count + " of the" }}
{{ metrics.n_train | count }} training images, which were held out
{%- if found.trials > 1 %} in {{ found.trials }} parts, one after the other{% endif %}.
{% set before = found.parent.val_accuracy | percent %}
{% if found.epochs %}
A head fitted without them got {{ before }} of them right, and
{{ show(run.metrics, "val_accuracy") }} after {{ found.epochs | counted("epoch") }} of
fine-tuning
{%- if averaged and found.share < 1 %}, with {{ found.share | percent(0) }} of the
change in the weights{% endif %}: {{ val_gain }} points (95% interval
{{ val_interval }}; a little optimistic, since they chose
{{ "that share" if averaged else "the epoch" }}). The model here was then trained on all
training images, for as many epochs, from the head that was fitted on all of them
{%- if averaged and found.share < 1 %}, and as much of the change was kept{% endif %}.
{% else %}
{{ "No share of it" if averaged else "No epoch" }} made the model better there, so
{{ "the backbone is as it was" if other else "it is the head itself" }}; the head,
fitted without them, got {{ before }} of them right
{%- if other %}, the one that was {{ other }} {{ show(run.metrics, "val_accuracy") }}
{%- endif %}.
{% endif %}</p>
{% if found.candidates %}
<div class="wide">
<table class="small">
<thead><tr><th>Change in the weights kept</th><th class="n">Log loss, held out</th>
<th class="n">Accuracy, held out</th></tr></thead>
<tbody>
{% for one in found.candidates %}
<tr><td>{{ one.share | percent(0) }}{{ ", chosen" if one.share == found.share }}</td>
<td class="n">{{ "%.4f" | format(one.log_loss) }}</td>
<td class="n">{{ one.accuracy | percent }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% for sentence in more if sentence %}
<p>{{ sentence }}</p>
{% endfor %}
"""


@dataclass(frozen=True)
class Advice:
    """Which model to use, by images that were held out of training.

    Attributes
    ----------
    finetuned : bool
        Whether it is this fine-tuned model, not another run.
    advice, reason : str
        A sentence, and the sentences that support it.
    """

    finetuned: bool
    advice: str
    reason: str


class _Comparison(NamedTuple):
    """A run beside another one, on the same held-out images.

    Attributes
    ----------
    ours, theirs : float
        Shares of the images that each got right.
    gain : float
    interval : sequence of float
        95% interval of the gain, paired by image.
    n : int
    """

    ours: float
    theirs: float
    gain: float
    interval: Sequence[float]
    n: int

    @property
    def words(self) -> str:
        """The gain with its interval, and whether it tells which one is better."""
        low, high = self.interval
        chance = ", so either may be better" if low <= 0 <= high else ""
        return (
            f"{signed_points(self.gain)} points (95% interval"
            f" {signed_range(self.interval)}, paired by image{chance})"
        )


def recommend(run: Run, runs: Iterable[Run] = ()) -> Advice | None:
    """Return which model to use, from a fine-tuned run on; None for another run.

    Parameters
    ----------
    run : Run
    runs : iterable of Run
        What else there is. Of those of the same data, the best in cross-validation and
        other fine-tuned runs are compared with it. All have answered the images that
        the run held out without having been trained on them, so the comparison is fair
        and paired by image; no test image has a say.
    """
    found = run.metrics.finetune
    if found is None:
        return None
    alike = [
        one
        for one in runs
        if one.data_fingerprint == run.data_fingerprint and one.name != run.name
    ]
    best = next(
        (r for r in rank_runs(alike) if r.metrics.cv_accuracy is not None), None
    )
    if best is None or best.name == run.info.parent:
        advice = _beside_parent(run, found)
    else:
        advice = _beside_best(run, found, best)
    return _beside_others(run, alike, advice) if advice.finetuned else advice


def _beside_parent(run: Run, found: FinetuneMetrics) -> Advice:
    """Compare with the head that it started from."""
    beats = found.recommended == "finetuned"
    advice = "Use this model." if beats else f"Use the head, {run.info.parent}."
    return Advice(beats, advice, _verdict(run, found))


def _verdict(run: Run, found: FinetuneMetrics) -> str:
    """Say whether the held-out images tell it from the head that it started from."""
    what = "No epoch" if found.share is None else "No share"
    if not found.epochs and not _other_head(run):
        return f"{what} of fine-tuning made the head better on the held-out images."
    if not found.epochs:
        beats = "beats" if found.recommended == "finetuned" else "does not beat"
        return (
            f"{what} of fine-tuning made the model better on the held-out images. The"
            f" head that was {_other_head(run)} {beats} the one it started from by more"
            " than chance would."
        )
    if found.recommended == "finetuned":
        verdict = "it beats the head it started from"
    else:
        verdict = "fine-tuning does not beat the head it started from"
    return f"On the held-out images {verdict} by more than chance would."


def _other_head(run: Run) -> str:
    """Say what makes it another head than the run's, even with nothing unfrozen."""
    found = run.metrics.finetune
    if found is not None and found.graft.distilled_agreement is not None:
        return "distilled"
    return "warmed up" if run.info.settings.get("warmup_epochs") else ""


def _beside_best(run: Run, found: FinetuneMetrics, best: Run) -> Advice:
    """Compare with the run that is best in cross-validation, not its own head."""
    use = f"Use {best.name}, the best in cross-validation."
    beats_parent = found.recommended == "finetuned"
    compared = _compare(run, best)
    if compared is None and beats_parent:
        return Advice(
            False,
            f"Whether this model or {best.name} is better can't be decided.",
            f"{_verdict(run, found)} {best.name} is the best in cross-validation; which"
            " of the held-out images it got right isn't known, since only runs of featx"
            " 0.3 and newer keep that.",
        )
    if compared is None:
        return Advice(False, use, _verdict(run, found))
    reason = "" if found.epochs else f"{_verdict(run, found)} "
    reason += (
        f"Of the {counted(compared.n, 'held-out image')} this model got"
        f" {percent(compared.ours)} right, and {best.name}, trained without them as"
        f" well, {percent(compared.theirs)}: {compared.words}."
    )
    if compared.interval[0] > 0 and beats_parent:
        return Advice(True, "Use this model.", reason)
    if compared.interval[0] > 0 and found.epochs:
        reason += f" But {_uncapitalised(_verdict(run, found))}"
    return Advice(False, use, reason)


def _beside_others(run: Run, alike: Sequence[Run], advice: Advice) -> Advice:
    """Prefer a fine-tuned run that got more of the same held-out images right."""
    rivals = [one for one in alike if one.finetuned]
    for rival in rank_runs(rivals):
        compared = _compare(rival, run)
        # Both ways: they held out the same images.
        if compared and compared.gain > 0 and _compare(run, rival):
            return Advice(
                False,
                f"Use {rival.name}.",
                f"{advice.reason} Of the same images {rival.name}, fine-tuned as well,"
                f" got {percent(compared.ours)} right: {compared.words}.",
            )
    return advice


def _compare(run: Run, other: Run) -> _Comparison | None:
    """Compare two runs on the images that the first one held out.

    None where it isn't known which of them each got right.
    """
    try:
        ours, theirs = run.held_out(), other.held_out()
    except RunError:  # damaged since its page was drawn
        return None
    if ours is None or theirs is None:
        return None
    known = dict(zip(theirs.paths, theirs.correct.tolist(), strict=True))
    if not known.keys() >= set(ours.paths):
        return None
    paired = np.array([known[path] for path in ours.paths])
    gain, interval = paired_difference(
        ours.correct, paired, n=independent_images(ours.groups)
    )
    return _Comparison(
        float(ours.correct.mean()), float(paired.mean()), gain, interval, len(paired)
    )


def _uncapitalised(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def run_to_use(runs: Sequence[Run]) -> Run:
    """Return the best run of one data set, or the fine-tuned one that beats it.

    Parameters
    ----------
    runs : sequence of Run
        Best first.
    """
    for run in runs:
        advice = recommend(run, runs)
        if advice and advice.finetuned and not run.random_weights:
            return run
    return runs[0]


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
        found, advice = run.metrics.finetune, recommend(run, runs)
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
        "other": _other_head(run),
        "more": [
            explain_joined_model(found.graft),
            explain_frozen_outputs(found.boundary),
        ],
    }


SECTION = Section(
    "What fine-tuning gained", TEMPLATE, _content, prose=True, marked=True
)
