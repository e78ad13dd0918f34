"""What fine-tuning brought over the head it started from, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from featx.reports.numbers import percent, points
from featx.runs import Run


def explain_gain(run: Run) -> list[str]:
    """Say what a fine-tuned run gained and what is recommended; nothing of others."""
    found = run.metrics.get("finetune")
    if not run.finetuned or not found:
        return []
    sentences = [
        _test_gain(run, found),
        _choice(run, found),
        _graft(found["graft"]),
        _boundary(found["boundary"]),
    ]
    return [sentence for sentence in sentences if sentence]


def _test_gain(run: Run, found: Mapping[str, Any]) -> str:
    return (
        f"The head it started from, {run.info['parent']}, gets"
        f" {percent(found['parent']['accuracy'])} of the test images right: fine-tuning"
        f" changes that by {_signed(found['gain'])} points (95% interval"
        f" {_range(found['gain_interval'])}, both asked about the same images)."
    )


def _choice(run: Run, found: Mapping[str, Any]) -> str:
    metrics, epochs = run.metrics, found["epochs"]
    text = (
        f"Of the {metrics['n_train']:,} training images {metrics['n_val']:,} were held"
        " out to choose how long to train, with a head that had not seen them either:"
        f" {percent(found['parent']['val_accuracy'])} of them right before,"
        f" {percent(metrics['val_accuracy'])} after"
        f" {epochs} epoch{'' if epochs == 1 else 's'}"
        f" ({_signed(found['val_gain'])} points, {_range(found['val_gain_interval'])})."
        " The model here was then trained on all training images for as long."
    )
    if not epochs:
        text += " No epoch was better than none, so it is the head itself."
    if found["recommended"] == "head":
        return text + (
            " On the images held out fine-tuning does not beat the head by more than"
            f" chance would: use the head, {run.info['parent']}."
        )
    return text + " There it beats the head by more than chance would: use this model."


def _graft(graft: Mapping[str, Any]) -> str:
    agreed = graft["distilled_agreement"]
    if agreed is not None:
        text = (
            "The head has no Keras layers; a dense layer was distilled from it that"
            f" names the same class for {percent(agreed)} of rows that were held out."
        )
    else:
        text = (
            "Before training, the model gave the head's probabilities within"
            f" {graft['largest_difference']:.0e} on {graft['images']:,} test images."
        )
    if graft["drift"] is not None:
        text += (
            " The lower precision of the cached embeddings changes probabilities by"
            f" {graft['drift']:.0e} at most."
        )
    return text


def _boundary(boundary: Mapping[str, Any] | None) -> str:
    if not boundary or not boundary["seconds_epoch"]:
        return ""
    epoch, plain = boundary["seconds_epoch"], boundary["seconds_epoch_plain"]
    return (
        f"What {boundary['layer']} hands on was computed once: an epoch took"
        f" {epoch:.2g} s; from the images it would have been {plain:.2g} s,"
        f" {plain / epoch:.1f} times as long."
    )


def _signed(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{points(abs(share))}"


def _range(interval: Sequence[float]) -> str:
    return " to ".join(_signed(end) for end in interval)
