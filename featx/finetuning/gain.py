"""The scores of a fine-tuned model, and its gain over the head."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import (
    hits_interval,
    independent_images,
    paired_difference,
)
from featx.evaluation.metrics import evaluate as score
from featx.finetuning.choice import MAIN, Choice
from featx.finetuning.finetuner import Finetuner
from featx.finetuning.joined_model import JoinedModel
from featx.heads.views import ViewsHead


def finetune_metrics(
    tuner: Finetuner,
    choice: Choice,
    trained: JoinedModel,
    joined_check: dict[str, Any],
    probabilities: NDArray[np.float64],
) -> dict[str, Any]:
    """Return the content of `metrics.json`.

    Parameters
    ----------
    tuner : Finetuner
    choice : Choice
    trained : JoinedModel
    joined_check : dict
        From `check_joined_model`.
    probabilities : ndarray of float64, shape (n_test, n_classes)
        Of the fine-tuned model.

    Notes
    -----
    Gains are paired by image, since both models classify the same ones. The images held
    out chose, so their gain is optimistic; the test split chose nothing.
    """
    embeddings = tuner.start.embeddings
    classes, groups = embeddings.images.classes, embeddings.split.groups
    tested, kept_out = groups[embeddings.test], groups[choice.held_out]
    labels = embeddings.images.labels
    test, held_out = labels[embeddings.test], labels[choice.held_out]
    scores = score(
        test, probabilities, classes, groups=tested, seed=tuner.settings.seed
    )
    before = ViewsHead(tuner.start.head).predict_proba(
        embeddings.views[embeddings.test]
    )
    hits, hits_before = _hits(probabilities, test), _hits(before, test)
    watched = _hits(choice.probabilities, held_out)
    watched_before = _hits(choice.head_probabilities, held_out)
    scores["intervals"]["val_accuracy"] = hits_interval(watched, kept_out)
    gain, gain_interval = paired_difference(
        hits, hits_before, n=scores["n_test_effective"]
    )
    val_gain, val_interval = paired_difference(
        watched, watched_before, n=independent_images(kept_out)
    )
    return {
        "cv_accuracy": None,
        "cv_accuracy_std": None,
        "val_accuracy": float(watched.mean()),
        **scores,
        "n_train": len(embeddings.train),
        "n_val": len(held_out),
        "weights": embeddings.weights,
        "finetune": {
            "parent": {
                "accuracy": float(hits_before.mean()),
                "interval": hits_interval(hits_before, tested),
                "val_accuracy": float(watched_before.mean()),
            },
            "gain": gain,
            "gain_interval": gain_interval,
            "val_gain": val_gain,
            "val_gain_interval": val_interval,
            "epochs": len(choice.rates[MAIN]),
            "share": choice.share if choice.candidates else None,
            "candidates": [one._asdict() for one in choice.candidates],
            "trials": choice.trials,
            # The test split chooses nothing, so it doesn't recommend either.
            "recommended": "finetuned" if val_interval[0] > 0 else "head",
            "graft": joined_check,
            "boundary": _boundary(choice, trained),
        },
    }


def _boundary(choice: Choice, trained: JoinedModel) -> dict[str, Any] | None:
    """Return what computing the frozen layers' outputs once saves per epoch.

    A plain epoch would run the same rows through the frozen layers as well.
    """
    if choice.frozen_seconds is None:
        return None
    seconds = [
        value
        for value, phase in zip(
            choice.history["seconds"], choice.history["phase"], strict=True
        )
        if phase == MAIN
    ]
    epoch = float(np.median(seconds)) if seconds else None
    plain = (
        None if epoch is None else epoch + choice.frozen_seconds * choice.frozen_share
    )
    return {
        "layer": ", ".join(trained.backbones.boundary),
        "seconds_caching": round(choice.frozen_seconds, 3),
        "seconds_epoch": epoch,
        "seconds_epoch_plain": None if plain is None else round(plain, 3),
    }


def _hits(
    probabilities: NDArray[np.float64], labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    hits: NDArray[np.float64] = (probabilities.argmax(1) == labels).astype(np.float64)
    return hits
