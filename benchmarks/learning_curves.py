"""How well half of the images forecast all: python benchmarks/learning_curves.py DATA.

Prints a Markdown table. The images of each folder are cut in two halves that are alike
in the classes. Each half is cross-validated with a learning curve, whose forecast is of
twice its images; the accuracy in a cross-validation of all images is beside it.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

import featx
from featx.evaluation.cross_validation import cross_validate
from featx.evaluation.learning_curve import LearningCurve, measure_learning_curve
from featx.heads.views import fit_views
from featx.splits import stratified_folds


def curve_of(fit, X, y, groups, rows) -> LearningCurve:
    """Return the learning curve of some rows."""
    # Codes of classes that are too rare to be among the rows are left out.
    data = (X[rows], np.unique(y[rows], return_inverse=True)[1], groups[rows])
    right = cross_validate(fit, *data).right
    return measure_learning_curve(fit, *data, right)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--heads", nargs="+", default=["lda", "logreg", "svm"])
    parser.add_argument("--backbone", default="efficientnetlite0")
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print("| data | head | images a class | half | forecast | 95% | all |")
    print("|---|---|---|---|---|---|---|")
    for folder in options.folders:
        embeddings = featx.embed(
            featx.read_images(folder), options.backbone, cache_dir=options.cache_dir
        )
        X, y = embeddings.views, embeddings.images.labels
        groups = embeddings.split.groups
        halves = stratified_folds(y, groups, folds=2, seed=options.seed)
        for (_, rows), head in ((h, one) for h in halves for one in options.heads):
            fit = partial(fit_views, head)
            curve = curve_of(fit, X, y, groups, rows)
            reached = cross_validate(fit, X, y, groups).accuracy
            start = f"| {embeddings.images.name} | {head}"
            now = curve.points[-1]
            half = f"{now.images_per_class:.1f} | {now.accuracy:.3f}"
            if curve.forecast is None:
                print(f"{start} | {half} | {curve.reason} | | {reached:.3f} |")
                continue
            low, high = curve.forecast.interval
            found = f"{curve.forecast.accuracy:.3f} | {low:.3f} to {high:.3f}"
            print(f"{start} | {half} | {found} | {reached:.3f} |", flush=True)


if __name__ == "__main__":
    main()
