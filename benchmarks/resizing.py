"""What the ways to resize do for accuracy: python benchmarks/resizing.py DATA...

All images of a data folder are split anew with each seed. Prints the test accuracy of
the head that is best in cross-validation, its mean over the seeds, and how far each way
is from squashing: the mean difference and its standard error.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import featx
from featx import ExtractSettings

HEADS = "lda", "svm", "logreg"
WAYS = "squash", "crop", "pad", "squash+crop", "squash+crop+pad"


def accuracies(images, backbone: str, way: str, seeds: int, cache: str):
    """Return the test accuracy for each seed, shape (seeds,)."""
    extract = [
        ExtractSettings(backbone=backbone, resize=resize) for resize in way.split("+")
    ]
    found = []
    for seed in range(seeds):
        drawn = replace(images, is_test=None, seed=seed)
        embeddings = featx.embed(drawn, extract, cache_dir=cache)
        fitted = [featx.fit(embeddings, head) for head in HEADS]
        best = max(fitted, key=lambda one: one.cross_validation.accuracy)
        found.append(featx.evaluate(best, embeddings).accuracy)
    return np.array(found)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--backbone", default="mobilenetv2-0.35")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache-dir", default="cache")
    asked = parser.parse_args()
    print(f"{asked.backbone}, {asked.seeds} splits\n")
    print("| data | way | accuracy | against squash |")
    print("|---|---|---|---|")
    for path in asked.data:
        images, squashed = featx.read_images(path), None
        for way in WAYS:
            scores = accuracies(
                images, asked.backbone, way, asked.seeds, asked.cache_dir
            )
            squashed = scores if squashed is None else squashed
            apart = scores - squashed
            error = apart.std(ddof=1) / np.sqrt(len(apart))
            print(
                f"| {path.name} | {way} | {scores.mean():.3f}"
                f" | {apart.mean():+.3f} ± {error:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
