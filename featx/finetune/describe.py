"""What `run.json` says of a fine-tuned run, and the command that makes it again."""

import shlex
from collections.abc import Sequence
from pathlib import Path
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


def command_of(
    parent: Run,
    settings: FinetuneSettings,
    weights: Sequence[Path],
    cache_dir: Path,
    reports_dir: Path,
) -> str:
    """Return the command that makes this run again."""
    words = ["featx", "finetune", parent.name]
    for name, value in settings.model_dump(exclude_defaults=True).items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value is False:
            words.append(f"--no-{name.replace('_', '-')}")
        else:
            words += [option, str(value)]
    for path in weights:
        words += ["--weights", str(path)]
    if str(cache_dir) != "cache":
        words += ["--cache-dir", str(cache_dir)]
    if str(reports_dir) != "reports":
        words += ["--out-dir", str(reports_dir)]
    return shlex.join(words)
