"""The check that a grafted model says what its head says."""

from pathlib import Path
from typing import Any

import numpy as np

from featx.embeddings.dataset import side_by_side
from featx.embeddings.extract import embed_rows
from featx.errors import NetworkError
from featx.finetune.finetuner import Finetuner
from featx.heads.views import ViewsHead
from featx.images.sources import ImageFiles
from featx.progress import Progress

TOLERANCE, WIDE_TOLERANCE, WIDE = 1e-4, 1e-3, 100.0
"""How far the grafted model's probabilities may be from the head's; float32 has no more
digits where logits run into the hundreds."""


def check_graft(
    tuner: Finetuner, cache_dir: Path, progress: Progress
) -> dict[str, Any]:
    """Compare the grafted model with the head on float32 embeddings of the test part.

    Raises
    ------
    NetworkError
        They differ by more than rounding explains.
    """
    material = tuner.material
    embeddings, head = material.embeddings, material.head
    rows = embeddings.test
    cached = embeddings.views[rows]
    exact = cached
    if any(spec.precision != "float32" for spec in embeddings.specs):
        files = ImageFiles([embeddings.images.files[row] for row in rows])
        told = progress.images("float32 embeddings of the test images")
        found = embed_rows(files, material.extractors, cache_dir, update=told)
        exact = side_by_side(found, np.arange(len(rows)))
    expected = ViewsHead(head).predict_proba(exact)
    joined = tuner.graft(head, embeddings.train, policy="float32")
    given = tuner.predict(joined, rows)
    difference = float(np.abs(given - expected).max())
    tolerance = agreement = largest_logit = None
    if head.has_keras_layers:
        logits = head.scores(exact.reshape(-1, exact.shape[2]))
        largest_logit = float(np.abs(logits).max())
        tolerance = WIDE_TOLERANCE if largest_logit > WIDE else TOLERANCE
        # In between, the report says so: the head may divide by tiny deviations.
        if difference > WIDE_TOLERANCE:
            raise NetworkError(
                f"the grafted model's probabilities differ from the head's by"
                f" {difference:.1e}, more than {WIDE_TOLERANCE:.0e}: please report it"
            )
    else:
        agreement = float(np.mean(given.argmax(axis=1) == expected.argmax(axis=1)))
    drift = None
    if exact is not cached:
        low = ViewsHead(head).predict_proba(cached)
        drift = float(np.abs(low - expected).max())
    return {
        "largest_difference": difference,
        "images": len(rows),
        "tolerance": tolerance,
        "largest_logit": largest_logit,
        "drift": drift,
        "distilled_agreement": agreement,
    }
