"""An epoch of fine-tuning on the outputs of frozen layers, and from the images.

python -m benchmarks.finetuning. The same layers are trained in both ways, by turns, on
images of noise and, since speed does not depend on them, random weights. Prints a
Markdown table; seconds are the median of the epochs after each turn's first, which
traces the graph.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

from featx.embeddings.backbones.extractor import find_extractor
from featx.finetuning.inputs import compute_frozen_outputs
from featx.finetuning.joined_model import join
from featx.finetuning.settings import FinetuneSettings
from featx.heads.layers import Dense, apply_in_keras
from featx.training.batches import Batches, Samples
from featx.training.train import Training

PAIRS = (
    ("mobilenetv2-0.35", "block_16"),
    ("resnet50", "conv5_block3"),
    ("inceptionv3", "mixed10"),
)
CLASSES, BATCH = 25, 32


def measure(backbone: str, unfrozen: str, asked: argparse.Namespace) -> list[str]:
    """Return a row of the table."""
    extractor = find_extractor(backbone, weights="random", precision="float32")
    rng = np.random.default_rng(0)
    width = extractor.backbone.features
    head = Dense(rng.normal(0, 0.01, (width, CLASSES)), np.zeros(CLASSES)).softened(1)
    joined = join([extractor], lambda x: apply_in_keras([head], x), unfrozen=unfrozen)
    side = extractor.image_size
    shape = (asked.images, side, side, 3)
    images = Samples(
        (rng.integers(0, 256, shape, np.uint8),),
        np.arange(asked.images),
        np.arange(asked.images) % CLASSES,
        np.ones(asked.images),
    )
    scratch = Path(tempfile.gettempdir())
    frozen = compute_frozen_outputs(
        joined.backbones, images, [None], scratch, batch_size=BATCH
    )
    ways = {
        "frozen": (joined.above, frozen.samples(images)),
        "images": (joined.view, images),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    settings = FinetuneSettings()
    for _ in range(asked.repeats):
        for name, (model, samples) in ways.items():
            with tempfile.TemporaryDirectory() as state:
                rates = [1e-5] * (1 + asked.epochs)
                training = Training(joined.trainee(settings), settings, Path(state))
                log = training.at_rates(model, Batches(samples, BATCH, CLASSES), rates)
            seconds[name] += [row["seconds"] for row in log.rows[1:]]
    cached, plain = (statistics.median(seconds[name]) for name in ways)
    ten = 10 * plain / (10 * cached + frozen.seconds)
    return [
        f"`{backbone}`",
        f"`{unfrozen}`",
        f"{plain:.2f}",
        f"{cached:.2f}",
        f"{plain / cached:.1f}",
        f"{frozen.seconds:.1f}",
        f"{ten:.1f}",
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finetuning", description=__doc__
    )
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=3, help="Counted ones a turn.")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--pair",
        nargs=2,
        action="append",
        metavar=("BACKBONE", "BLOCK"),
        help="What is trained, from which block on. May repeat.",
    )
    asked = parser.parse_args(arguments)
    columns = [
        *("backbone", "trained from", "from images, s", "cached, s", "ratio"),
        *("caching, s", "ratio over 10 epochs"),
    ]
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for pair in asked.pair or PAIRS:
        print("| " + " | ".join(measure(*pair, asked)) + " |", flush=True)


if __name__ == "__main__":
    main()
