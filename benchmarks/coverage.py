"""How often 95% intervals contain the truth: python benchmarks/coverage.py [--quick].

Prints three Markdown tables with the lowest coverage over a grid of true accuracies
from 0.5 to 1. The first is of a share of hits, computed from the binomial distribution,
and of the difference of two classifiers, simulated. The second is of mean losses, of
classifiers that are calibrated, and of some that are too sure or not sure enough. The
third is of the scores that are
means over classes, simulated for test splits of balanced and of rare classes, with
errors that are spread over the other classes or all go to the most frequent one, and
with classes that are equally hard or of which the rare half is three times as hard.
The truth is the score of infinitely many images with the same shares of classes.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations_with_replacement, product

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import softmax

from featx.evaluation.by_class import (
    Answers,
    ByClass,
    Macro,
    macro_intervals,
    score_classes,
)
from featx.evaluation.intervals import (
    paired_difference,
    share_interval,
    wilson_interval,
)
from featx.evaluation.losses import Loss, Losses, loss_intervals

Floats = NDArray[np.float64]

SIZES = (10, 20, 40, 80, 160, 500)
SHARES = [*np.arange(0.5, 1, 0.005), 0.998, 0.999, 1.0]
ACCURACIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
APART = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of images that only one of two classifiers gets right."""
COMPOSITIONS = {
    "2 × 5": [5] * 2,
    "8 + 2": [8, 2],
    "5 × 8": [8] * 5,
    "20 × 2": [2] * 20,
    "10 + 3 + 3": [10, 3, 3],
    "152 + 8": [152, 8],
    "20 × 8": [8] * 20,
    "50 × 1 and 5 × 20": [1] * 50 + [20] * 5,
    "15 × 17 and 15 × 1": [17] * 15 + [1] * 15,
    "300 and 5 × 4": [300, *[4] * 5],
    "200 × 1 to 3": [1 + number % 3 for number in range(200)],
    "480 + 20": [480, 20],
    "490 + 5 + 5": [490, 5, 5],
    "20 × 25": [25] * 20,
}
MACROS: dict[str, Macro] = {
    "balanced accuracy": ByClass.balanced_accuracy,
    "precision": lambda classes: classes.macro("precision"),
    "F1": lambda classes: classes.macro("f1"),
}
LOSSES: dict[str, Loss] = {"log loss": Losses.log_loss, "Brier score": Losses.brier}
TEMPERATURES = (0.6, 1.0, 1.6)
CLASSIFIERS = [(2, 0.5), (2, 1.0), (2, 2.0), (2, 3.0), (10, 2.0), (10, 3.5)]
"""Classes, and how far apart: right for 0.64, 0.76, 0.92 and 0.98 of the images of two
classes, 0.67 and 0.96 of ten."""
RESAMPLES = 200
"""Fewer than featx takes: they need no more to average over many test splits."""


def covers(interval: list[float], truth: float) -> bool:
    """Say whether an interval contains the truth, but for rounding."""
    return interval[0] - 1e-9 <= truth <= interval[1] + 1e-9


def share_coverage(n: int, interval: Callable[[float, float], list[float]]) -> float:
    """Return the lowest coverage of a share of n images, over the true shares."""
    from scipy.stats import binom

    ends = [interval(hits / n, n) for hits in range(n + 1)]
    return min(
        sum(
            float(binom.pmf(hits, n, share))
            for hits in range(n + 1)
            if covers(ends[hits], share)
        )
        for share in SHARES
    )


def wilson(share: float, n: float) -> list[float]:
    """Return Wilson's interval as it is in the textbook."""
    return [float(end) for end in wilson_interval(np.array(share), np.array(n))]


def paired_coverage(n: int, sets: int, rng: np.random.Generator) -> float:
    """Return the lowest coverage of a difference of accuracies on n images."""

    @cache
    def interval(gained: int, lost: int) -> list[float]:
        ours = np.arange(n) < gained
        theirs = (np.arange(n) >= gained) & (np.arange(n) < gained + lost)
        return paired_difference(ours, theirs)[1]

    lowest = 1.0
    for gained, lost in combinations_with_replacement(APART, 2):
        drawn = rng.multinomial(n, [gained, lost, 1 - gained - lost], size=sets)
        pairs, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
        found = [covers(interval(*map(int, pair)), gained - lost) for pair in pairs]
        lowest = min(lowest, float(np.average(found, weights=times)))
    return lowest


def drawn_classifier(
    n: int, n_classes: int, scale: float, temperature: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Return true classes of n images, and a classifier's probabilities.

    Logits are normal; with a temperature of 1 the probabilities are calibrated.
    """
    y = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes)) + scale * np.eye(n_classes)[y]
    return y, softmax(scale * logits / temperature, axis=1)


def loss_coverage(
    n: int, n_classes: int, scale: float, temperature: float, sets: int, seed: int
) -> list[float]:
    """Return the coverage of each mean loss, for one classifier."""
    rng = np.random.default_rng(seed)
    classifier = (n_classes, scale, temperature, rng)
    y, probabilities = drawn_classifier(400_000, *classifier)
    losses, rows = Losses(probabilities), np.arange(len(y))
    truth = {name: float(loss(losses, rows, y).mean()) for name, loss in LOSSES.items()}
    found = np.zeros(len(LOSSES))
    for number in range(sets):
        y, probabilities = drawn_classifier(n, *classifier)
        intervals = loss_intervals(
            y,
            Losses(probabilities),
            np.ones(n, dtype=np.int64),
            LOSSES,
            seed=number,
            resamples=RESAMPLES,
        )
        found += [covers(intervals[name], truth[name]) for name in LOSSES]
    return [float(one) for one in found / sets]


def confusions(counts: NDArray[np.int64]) -> Iterator[Floats]:
    """Yield true rows of the confusion matrix, shape (n_classes, n_classes)."""
    n = len(counts)
    commonest = int(counts.argmax())
    rare = np.argsort(counts, kind="stable")[: n // 2]
    spread = (np.ones((n, n)) - np.eye(n)) / (n - 1)
    absorbed = np.zeros((n, n))
    absorbed[:, commonest] = 1
    absorbed[commonest] = spread[commonest]
    for accuracy, harder, errors in product(
        ACCURACIES, (1, 3), [spread, absorbed] if n > 2 else [spread]
    ):
        wrong = np.full(n, 1 - accuracy)
        wrong[rare] *= harder
        wrong *= (1 - accuracy) * n / max(wrong.sum(), 1e-12)
        yield (1 - wrong)[:, None] * np.eye(n) + wrong[:, None] * errors


def macro_coverage(
    counts: NDArray[np.int64], rows: Floats, sets: int, seed: int
) -> list[float]:
    """Return the coverage of each mean over classes, for one matrix of confusions."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    ones = np.ones(len(y), dtype=np.int64)
    truth = score_classes(counts * rows.diagonal(), counts, counts @ rows)
    ends = np.cumsum(rows, axis=1)[y]
    found = np.zeros(len(MACROS))
    for number in range(sets):
        codes = (rng.random((len(y), 1)) > ends).sum(axis=1)
        answers = Answers(y, np.minimum(codes, len(counts) - 1), ones, len(counts))
        intervals = macro_intervals(answers, MACROS, seed=number, resamples=RESAMPLES)
        found += [
            covers(intervals[name], float(macro(truth)))
            for name, macro in MACROS.items()
        ]
    return [float(one) for one in found / sets]


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few small test splits")
    parser.add_argument("--sets", type=int, default=1000, help="simulated test splits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=-1, help="processes")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    sizes = SIZES[:3] if options.quick else SIZES
    names = list(COMPOSITIONS)[:2] if options.quick else list(COMPOSITIONS)
    sets = 20 if options.quick else options.sets
    print("| test images | share of hits | Wilson's alone | paired difference |")
    print("|---|---|---|---|")
    for n in sizes:
        lowest = [share_coverage(n, share_interval), share_coverage(n, wilson)]
        lowest.append(paired_coverage(n, 5 * sets, rng))
        print(f"| {n} | {' | '.join(f'{one:.3f}' for one in lowest)} |")
    print(f"\n| test images | {' | '.join(LOSSES)} |")
    print("|---|---|---|")
    for n in sizes:
        found = Parallel(options.jobs)(
            delayed(loss_coverage)(n, *one, temperature, sets, options.seed)
            for one, temperature in product(CLASSIFIERS, TEMPERATURES)
        )
        lowest = np.min(found, axis=0).tolist()
        print(f"| {n} | {' | '.join(f'{one:.3f}' for one in lowest)} |", flush=True)
    print(f"\n| images of the classes | {' | '.join(MACROS)} |")
    print("|---|---|---|---|")
    for name in names:
        counts = np.array(COMPOSITIONS[name])
        found = Parallel(options.jobs)(
            delayed(macro_coverage)(counts, rows, sets, options.seed)
            for rows in confusions(counts)
        )
        lowest = np.min(found, axis=0).tolist()
        print(f"| {name} | {' | '.join(f'{one:.3f}' for one in lowest)} |", flush=True)


if __name__ == "__main__":
    main()
