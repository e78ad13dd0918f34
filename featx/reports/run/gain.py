"""What fine-tuning gained over the head it started from, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from featx.figures.training_curves import warmup_epochs
from featx.reports.numbers import duration, percent, points
from featx.runs.metrics import FinetuneMetrics, FrozenOutputTimes, JoinedModelCheck
from featx.runs.run import Run


@dataclass(frozen=True)
class Advice:
    """What a fine-tuned run recommends; the images held out decide it.

    Attributes
    ----------
    finetuned : bool
        The fine-tuned model, not the head that it started from.
    advice, reason : str
        In words.
    """

    finetuned: bool
    advice: str
    reason: str


def recommend(run: Run) -> Advice | None:
    """Return what a fine-tuned run recommends; None for another run."""
    found = run.metrics.finetune
    if found is None:
        return None
    if found.recommended == "finetuned":
        return Advice(
            True,
            "Use this model.",
            "On the images held out it beats the head it started from by more than"
            " chance would.",
        )
    return Advice(
        False,
        f"Use the head, {run.info.parent}.",
        "On the images held out fine-tuning does not beat it by more than chance"
        " would.",
    )


def explain_gain(run: Run) -> list[str]:
    """Say what a fine-tuned run gained over its head; nothing for another run."""
    found = run.metrics.finetune
    if found is None:
        return []
    sentences = [
        f"On the test split it reaches {_test_gain(run, found)}",
        _choice(run, found),
        explain_graft(found.graft),
        explain_boundary(found.boundary),
    ]
    return [sentence for sentence in sentences if sentence]


def finetuning_gain(runs: Sequence[Run]) -> str:
    """Say what fine-tuning is worth on one data set.

    Parameters
    ----------
    runs : sequence of Run
        Best first: of several fine-tuned ones the first speaks, which the images held
        out have chosen. Those on random weights don't count.

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


def _choice(run: Run, found: FinetuneMetrics) -> str:
    """Say what the images held out chose, and what was trained then."""
    metrics, epochs = run.metrics, found.epochs
    count = f"{metrics.n_val:,} of the {metrics.n_train:,} training images"
    before = percent(found.parent.val_accuracy)
    text = f"How long to train was chosen on {count}, which were held out. "
    if not epochs:
        warm = warmup_epochs(run.history())
        return text + (
            "After no epoch was the model better there than without any, so"
            f" {'the backbone is as it was' if warm else 'it is the head itself'}; the"
            f" head, fitted without them, got {before} of them right."
        )
    return text + (
        f"A head fitted without them got {before} of them right, and"
        f" {percent(metrics.val_accuracy or 0.0)} after {epochs}"
        f" epoch{'' if epochs == 1 else 's'} of fine-tuning:"
        f" {signed_points(found.val_gain)} points (95% interval"
        f" {signed_range(found.val_gain_interval)}; the choice flatters it a"
        " little). The model here is the head of all training images, trained on all of"
        " them for as long."
    )


def explain_graft(graft: JoinedModelCheck) -> str:
    """Say whether the model began as the head.

    Parameters
    ----------
    graft : JoinedModelCheck
        Of `metrics.json`.
    """
    agreed = graft.distilled_agreement
    if agreed is not None:
        text = (
            "The head has no Keras layers: a dense layer was distilled from it, which"
            f" names the same class for {percent(agreed)} of {graft.images:,} test"
            " images."
        )
    else:
        text = (
            "Before training the model gave the head's probabilities within"
            f" {graft.largest_difference:.1e} on {graft.images:,} test images"
            f" ({_allowed(graft)})."
        )
    if graft.drift is not None:
        text += (
            " The head's own embeddings are in a lower precision, which changes"
            f" probabilities by {graft.drift:.2g} at most."
        )
    return text


def _allowed(graft: JoinedModelCheck) -> str:
    """Say how far apart the two may be: float32 has few digits for large logits."""
    tolerance, logit = graft.tolerance or 0.0, graft.largest_logit or 0.0
    if graft.largest_difference > tolerance:
        return (
            f"more than {tolerance:.0e}, as rounding may bring about in a head that"
            " divides by tiny deviations"
        )
    return f"{tolerance:.0e} is allowed where logits reach {logit:.0f}"


def explain_boundary(boundary: FrozenOutputTimes | None) -> str:
    """Say what it saved to compute the frozen layers' outputs once.

    Parameters
    ----------
    boundary : FrozenOutputTimes or None
        Of `metrics.json`.

    Returns
    -------
    str
        Empty where nothing was computed once.
    """
    if not boundary or not boundary.seconds_epoch:
        return ""
    epoch, plain = boundary.seconds_epoch, boundary.seconds_epoch_plain
    text = (
        f"The outputs of {boundary.layer} were computed once, in"
        f" {duration(boundary.seconds_caching)}: an epoch took {duration(epoch)} on"
        " it"
    )
    if plain is None:
        return f"{text}."
    return (
        f"{text}, and would take {duration(plain)} the plain way, from the images:"
        f" {plain / epoch:.1f} times as long."
    )
