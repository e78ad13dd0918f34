"""What fine-tuning brought: all scores, and the gain over the head."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import mean_interval
from featx.evaluation.metrics import evaluate as score
from featx.evaluation.paired import paired_difference
from featx.finetune.choice import Choice
from featx.finetune.finetuner import Finetuner
from featx.finetune.joined_model import Graft
from featx.heads.views import ViewsHead


def finetune_metrics(
    tuner: Finetuner,
    choice: Choice,
    trained: Graft,
    graft: dict[str, Any],
    probabilities: NDArray[np.float64],
) -> dict[str, Any]:
    """Return the content of `metrics.json`.

    Parameters
    ----------
    tuner : Finetuner
    choice : Choice
    trained : Graft
    graft : dict
        What the comparison of the graft with the head gave.
    probabilities : ndarray of float64, shape (n_test, n_classes)
        Of the fine-tuned model.

    Notes
    -----
    Gains are paired by image: both answered on the same ones. The held-out part chose
    the epochs, which flatters its gain; the test part chose nothing.
    """
    embeddings, seed = tuner.material.embeddings, tuner.settings.seed
    classes = embeddings.images.classes
    labels = embeddings.images.labels
    test, held_out = labels[embeddings.test], labels[choice.held_out]
    scores = score(test, probabilities, classes, seed=seed)
    before = ViewsHead(tuner.material.head).predict_proba(
        embeddings.views[embeddings.test]
    )
    hits, hits_before = _hits(probabilities, test), _hits(before, test)
    watched = _hits(choice.probabilities, held_out)
    watched_before = _hits(choice.head_probabilities, held_out)
    scores["intervals"]["val_accuracy"] = mean_interval(watched, seed=seed)
    gain, gain_interval = paired_difference(hits, hits_before, seed=seed)
    val_gain, val_interval = paired_difference(watched, watched_before, seed=seed)
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
                "interval": mean_interval(hits_before, seed=seed),
                "val_accuracy": float(watched_before.mean()),
            },
            "gain": gain,
            "gain_interval": gain_interval,
            "val_gain": val_gain,
            "val_gain_interval": val_interval,
            "epochs": len(choice.rates),
            # The test part chooses nothing, so it doesn't recommend either.
            "recommended": "finetuned" if val_interval[0] > 0 else "head",
            "graft": graft,
            "boundary": _boundary(choice, trained),
        },
    }


def _boundary(choice: Choice, trained: Graft) -> dict[str, Any] | None:
    """Say what computing the frozen layers' outputs once has saved.

    The plain way is an epoch on the same rows, each of which goes through the frozen
    layers in it.
    """
    if choice.seconds_handing is None:
        return None
    seconds = [
        value
        for value, phase in zip(
            choice.history["seconds"], choice.history["phase"], strict=True
        )
        if phase == 1
    ]
    epoch = float(np.median(seconds)) if seconds else None
    plain = None if epoch is None else epoch + choice.seconds_handing
    return {
        "layer": ", ".join(trained.handed),
        "seconds_caching": round(choice.seconds_handing, 3),
        "seconds_epoch": epoch,
        "seconds_epoch_plain": None if plain is None else round(plain, 3),
    }


def _hits(
    probabilities: NDArray[np.float64], labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    hits: NDArray[np.float64] = (probabilities.argmax(1) == labels).astype(np.float64)
    return hits
