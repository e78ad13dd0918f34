"""Fits with and without the limit of threads: python -m benchmarks.threads.

Fits each head on drawn rows, as it is and with as many threads as the library takes by
itself, in turns; first with no other work, then beside one busy process for each core.
Prints the median seconds and the ratio. The busy processes end with the benchmark.

`--heads gboost` takes minutes without the limit. The heads that TensorFlow trains are
not limited: with one thread or two, beside busy processes too, their times differed by
no more than they did from run to run.
"""

import argparse
import contextlib
import multiprocessing
import statistics
import time
from unittest import mock

import numpy as np

from featx.hardware import usable_cores
from featx.heads.table import make_head


def draw(rows: int, features: int, classes: int):
    """Return rows like embeddings, clouds around class means, and their labels."""
    rng = np.random.default_rng(0)
    y = np.arange(rows) % classes
    means = rng.normal(0, 0.35, (classes, features))
    X = np.maximum(0, means[y] + rng.normal(0, 1, (rows, features)))
    return X.astype(np.float32), y


def spin() -> None:
    """Keep a core busy."""
    while True:
        pass


@contextlib.contextmanager
def busy(processes: int):
    """Run busy processes while the block lasts."""
    started = [
        multiprocessing.Process(target=spin, daemon=True) for _ in range(processes)
    ]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.join()


def unlimited(_: int):
    """Replace `blas_threads`; limit nothing."""
    return contextlib.nullcontext()


def seconds(name: str, X, y, *, limited: bool) -> float:
    """Fit a head with its calibration, and return how long that took."""
    with contextlib.ExitStack() as patches:
        if not limited:
            patches.enter_context(
                mock.patch("featx.heads.base.blas_threads", unlimited)
            )
            patches.enter_context(mock.patch("featx.heads.gboost.SMALL", 0))
        start = time.perf_counter()
        make_head(name).fit(X, y)
        return time.perf_counter() - start


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", nargs="+", default=["svm", "logreg", "lda"])
    parser.add_argument("--rows", nargs="+", type=int, default=[110, 3000])
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    print(f"{usable_cores()} usable cores, {asked.features} features\n")
    print("| rows | head | beside | without the limit, s | as it is, s | ratio |")
    print("|---|---|---|---|---|---|")
    for rows in asked.rows:
        X, y = draw(rows, asked.features, max(2, rows // 15))
        for load, beside in ((0, "nothing"), (usable_cores(), "busy processes")):
            with busy(load):
                for name in asked.heads:
                    taken: dict[bool, list[float]] = {False: [], True: []}
                    for _ in range(asked.repeats):
                        for limited, found in taken.items():
                            found.append(seconds(name, X, y, limited=limited))
                    free, own = (statistics.median(found) for found in taken.values())
                    print(
                        f"| {rows} | {name} | {beside} | {free:.2f} | {own:.2f}"
                        f" | {free / own:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
