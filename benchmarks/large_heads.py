"""Seconds and peak memory of heads on many rows: python -m benchmarks.large_heads.

Rows are drawn: classes are clouds around their own means. Each head is fitted in a
process of its own on rows in memory, as `featx fit` gives them for one fold, and
predicts the first thousand. Prints a Markdown table: the peak memory of the process
above what it takes before the rows are there, beside the size of the rows.

The usual size takes about an hour on two cores; `--rows 10000 --classes 100` a minute.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from featx.errors import HeadError
from featx.heads.table import make_head

HEADS = ("lda", "ridge", "prototype", "knn", "logreg", "svm", "softmax")


def draw(rows: int, features: int, classes: int):
    """Return rows like pooled activations, not negative, and their labels."""
    rng = np.random.default_rng(0)
    means = rng.normal(0, 0.2, (classes, features)).astype(np.float32)
    y = np.arange(rows) % classes
    X = np.empty((rows, features), np.float32)
    for start in range(0, rows, 1000):
        some = slice(start, start + 1000)
        X[some] = means[y[some]]
        X[some] += rng.standard_normal(X[some].shape, np.float32)
    return np.maximum(X, 0, out=X), y


def peak() -> float:
    """Return the peak resident memory of this process so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024)


def measure(name: str, asked: argparse.Namespace) -> dict[str, float]:
    """Fit one head in this process."""
    head = make_head(name)
    head.fit(np.eye(2, dtype=np.float32), [0, 1])  # imports what it needs
    before = peak()
    X, y = draw(asked.rows, asked.features, asked.classes)
    start = time.perf_counter()
    head.fit(X, y)
    fitted = time.perf_counter()
    right = head.predict(X[:1000]) == y[:1000]
    return {
        "fit": fitted - start,
        "predict": time.perf_counter() - fitted,
        "memory": (peak() - before) / X.nbytes,
        "accuracy": float(right.mean()),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure each head and print a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large_heads", description=__doc__
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--heads", nargs="+", default=HEADS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.one:
        print(json.dumps(measure(asked.one, asked)))
        return
    size = asked.rows * asked.features * 4
    print(
        f"{asked.rows} x {asked.features}, {asked.classes} classes: {size / 1e9:.2f} GB"
    )
    print("\n| head | fit, s | 1000 rows, s | peak / rows | right on these |")
    print("|---|---|---|---|---|")
    for name in asked.heads:
        sizes = ("--rows", "--features", "--classes")
        command = [sys.executable, "-m", "benchmarks.large_heads", "--one", name]
        for option in sizes:
            command += [option, str(getattr(asked, option[2:]))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise HeadError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"| {name} | {found['fit']:.1f} | {found['predict']:.2f}"
            f" | {found['memory']:.2f} | {found['accuracy']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
