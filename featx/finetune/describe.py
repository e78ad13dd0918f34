"""What `run.json` says of a fine-tuned run."""

from typing import Any

import numpy as np

from featx.embeddings.dataset import Embeddings
from featx.finetune.joined_model import Graft
from featx.finetune.settings import FinetuneSettings
from featx.runs.info import Kind
from featx.runs.run import Run


def describe(
    parent: Run, settings: FinetuneSettings, trained: Graft, embeddings: Embeddings
) -> dict[str, Any]:
    """Return what `run.json` says of how the run was made."""
    kept = ("data", "backbone", "weights", "embedding", "head")
    info = parent.info.as_dict()
    return {
        "kind": Kind.FINETUNE,
        **{name: info[name] for name in kept},
        "parent": parent.name,
        "parameters": int(trained.model.count_params()),
        "trainable_parameters": int(
            sum(np.prod(w.shape) for w in trained.model.trainable_weights)
        ),
        "settings": settings.model_dump(mode="json"),
        "seed": settings.seed,
        "notes": list(dict.fromkeys([*parent.info.notes, *embeddings.notes])),
    }
