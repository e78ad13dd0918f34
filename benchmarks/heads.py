"""featx's own fits against the libraries' on the same rows: python benchmarks/heads.py.

Prints each one's median seconds over the repeats, interleaved, and the ratio; and how
far their predictions agree. Rows are drawn: classes are clouds around their own means.
"""

import argparse
import statistics
import time

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from featx.heads.table import make_head


def signed_root(X):
    """Return the signed square root."""
    return np.sign(X) * np.sqrt(np.abs(X))


def draw(classes: int, per_class: int, features: int):
    """Return rows like pooled activations, not negative, and their labels."""
    rng = np.random.default_rng(0)
    means = rng.normal(0, 0.35, (classes, features))
    y = np.repeat(np.arange(classes), per_class)
    X = np.maximum(0, means[y] + rng.normal(0, 1, (len(y), features)))
    return X.astype(np.float32), y


def pairs() -> dict[str, tuple[ClassifierMixin, ClassifierMixin]]:
    """Return the library's classifier and featx's, without calibration, by name."""
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    return {
        "svm": (
            make_pipeline(StandardScaler(), LinearSVC(C=1e-3)),
            make_head("svm", calibrate=False),
        ),
        "lda": (
            make_pipeline(FunctionTransformer(signed_root), StandardScaler(), lda),
            make_head("lda", calibrate=False),
        ),
    }


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=200)
    parser.add_argument("--per-class", type=int, default=15)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    X, y = draw(asked.classes, asked.per_class, asked.features)
    print(f"{len(X)} rows of {X.shape[1]} features, {asked.classes} classes\n")
    print("| head | library, s | featx, s | ratio | same predictions |")
    print("|---|---|---|---|---|")
    fresh, _ = draw(asked.classes, 2 * asked.per_class, asked.features)
    for name, (library, own) in pairs().items():
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(asked.repeats):
            for taken, model in zip(seconds, (library, own), strict=True):
                start = time.perf_counter()
                model.fit(X, y)
                taken.append(time.perf_counter() - start)
        slow, fast = (statistics.median(taken) for taken in seconds)
        agree = (library.predict(fresh) == own.predict(fresh)).mean()
        print(f"| {name} | {slow:.1f} | {fast:.2f} | {slow / fast:.1f} | {agree:.1%} |")


if __name__ == "__main__":
    main()
