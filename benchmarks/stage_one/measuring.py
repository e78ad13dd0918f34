"""The schedule: who works when, so that what is compared is near in time.

A repeat takes a backbone once through all: half the images by the peers, the model
alone, all images by featx, the model alone, the other half by the peers. So each
ratio's two sides have the same middle in time, and a drift of the machine cancels.
"""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.machine import Bystanders
from benchmarks.turns import PER_CORE, Worker
from featx.embeddings.backbones.table import Backbone, find_backbone
from featx.keras_backend import keras_home

HERE = "benchmarks.stage_one"
ON_TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}
"""What is compared runs on the same library, whatever else is installed."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and how long.

    Attributes
    ----------
    folder : Path
        Class folders with JPEG files.
    images : int
        How many it has.
    repeats, minutes : int, float
        A backbone is taken through at least this often and for at least this long.
    seconds : float
        Of each kind of work in a turn of the model alone.
    image_size : int or None
        Side in pixels; None is the backbone's own.
    torch_python : str
        The interpreter that may have PyTorch.
    """

    folder: Path
    images: int
    repeats: int
    minutes: float
    seconds: float
    image_size: int | None = None
    torch_python: str = sys.executable


def measure(name: str, plan: Plan) -> dict[str, Any]:
    """Measure one backbone.

    Returns
    -------
    dict
        What it is, and `repeats`: a list of rates in images (or operations) per second.
    """
    backbone = find_backbone(name)
    size = plan.image_size or backbone.image_size
    with ExitStack() as stack:
        featx = stack.enter_context(
            Worker(f"{HERE}.featx_worker", environment=ON_TENSORFLOW)
        )
        peers, facts = _open_peers(backbone, size, plan, stack)
        facts |= featx.ask(
            "open",
            backbone=name,
            image_size=size,
            weights=_weights(backbone),
            folder=str(plan.folder),
            # A full batch and one that isn't, which is what a folder ends with.
            warm_up=min(64 + plan.images % 32, plan.images),
        )
        repeats = []
        start = time.monotonic()
        while (
            len(repeats) < plan.repeats or time.monotonic() - start < 60 * plan.minutes
        ):
            repeats.append(_repeat(featx, peers, plan.seconds))
            _say(name, repeats, facts["precision"])
    return {"image_size": size, "weights": _weights(backbone), **facts} | {
        "repeats": repeats
    }


def _weights(backbone: Backbone) -> str:
    """Return ``imagenet`` where the file is here; speed doesn't depend on it."""
    if backbone.distribution:  # installed with featx
        return "imagenet"
    here = (keras_home() / "models" / backbone.weights_file).is_file()
    return "imagenet" if here else "random"


def _open_peers(
    backbone: Backbone, size: int, plan: Plan, stack: ExitStack
) -> tuple[dict[str, Worker], dict[str, Any]]:
    """Start the peers that there are; say why where there is none."""
    shared = {"image_size": size, "folder": str(plan.folder)}
    keras = stack.enter_context(
        Worker(f"{HERE}.keras_worker", environment=ON_TENSORFLOW)
    )
    facts = keras.ask(
        "open",
        builder=backbone.builder,
        module=backbone.module,
        alpha=backbone.alpha,
        weights=_weights(backbone),
        **shared,
    )
    torch = stack.enter_context(Worker(f"{HERE}.torch_worker", plan.torch_python))
    facts["torch"] = torch.ask("open", backbone=backbone.name, **shared)
    peers = {"keras": keras}
    if "skipped" in facts["torch"]:
        print(f"PyTorch is left out: {facts['torch']['skipped']}", file=sys.stderr)
    else:
        peers["torch"] = torch
    return peers, facts


def _repeat(featx: Worker, peers: dict[str, Worker], seconds: float) -> dict[str, Any]:
    bystanders = Bystanders([featx.pid, *(peer.pid for peer in peers.values())])
    first = {name: peer.ask("end_to_end", half=0) for name, peer in peers.items()}
    before = featx.ask("model", seconds=seconds)
    whole = featx.ask("end_to_end")
    after = featx.ask("model", seconds=seconds)
    back = reversed(peers.items())
    second = {name: peer.ask("end_to_end", half=1) for name, peer in back}
    rates = {
        kind: mean((before[kind], after[kind]))
        for kind in before
        if kind != "core_seconds"
    }
    rates |= _rates("end_to_end", whole)
    for name in peers:
        rates |= _rates(name, first[name], second[name])
    return {**rates, "others_cpu_share": bystanders.share()}


def _rates(name: str, *passes: dict[str, float]) -> dict[str, float]:
    images = sum(one["images"] for one in passes)
    return {
        name: images / sum(one["seconds"] for one in passes),
        name + PER_CORE: images / sum(one["core_seconds"] for one in passes),
    }


def _say(name: str, repeats: list[dict[str, Any]], precision: str) -> None:
    last = repeats[-1]
    print(
        f"{name}, repeat {len(repeats)}: model alone {last[f'model_{precision}']:.0f},"
        f" files to rows {last['end_to_end']:.0f}, Keras {last['keras']:.0f} images/s;"
        f" others took {last['others_cpu_share']:.0%} of the processors",
        file=sys.stderr,
    )
