"""Defaults of the heads against others: python -m benchmarks.defaults DATA...

Each set is split in halves, stratified, with each seed. A head and its variants are
fitted on the same half and scored on the other one. Prints a Markdown table of what a
variant gains over the default: points of accuracy, and log loss at the temperature that
is best for the scores (`featx.fit` estimates it by cross-validation, for every head).

Splits of one set have most images in common, so they don't count as independent. The
mean over the splits is one number for each set, and the 95% interval is Student's t of
these numbers. What varies from set to set is in it, and so is what is left of what
varies from split to split: it says what another set of images would gain.

DATA are folders of class folders, or files in NumPy's .npz format with embeddings `X`
and labels `y`.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import solve
from scipy.stats import t as student
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.model_selection import train_test_split

import featx
from benchmarks.markdown import table
from featx.evaluation.calibration import fit_temperature
from featx.heads.base import Head
from featx.heads.gboost import GradientBoostingHead
from featx.heads.linear import LinearHead
from featx.heads.scaling import signed_root, softmax
from featx.heads.table import make_head
from featx.splits import hold_out


class PooledLDA(LinearHead):
    """LDA with one Ledoit-Wolf shrinkage, of all rows without their class's mean."""

    signed_sqrt = True

    def _fit_affine(self, rows, y, weight, groups) -> None:  # noqa: ARG002
        Z = rows[:].astype(np.float64)
        means = np.array([Z[y == code].mean(axis=0) for code in range(y.max() + 1)])
        centred = Z - means[y]
        deviation = centred.std(axis=0)
        deviation[deviation == 0] = 1
        shrinkage = ledoit_wolf_shrinkage(centred / deviation, assume_centered=True)
        covariance = (1 - shrinkage) * (centred.T @ centred) / len(Z)
        covariance.flat[:: len(deviation) + 1] += shrinkage * deviation**2 + 1e-6
        self.coef_ = solve(covariance, means.T, assume_a="pos").T
        priors = np.bincount(y, weights=weight) / weight.sum()
        self.intercept_ = np.log(priors) - (self.coef_ * means).sum(axis=1) / 2


class EarlyStopped(GradientBoostingHead):
    """Boosted trees as featx 0.2 grew them: all features, rounds chosen on a part."""

    def _fit(self, X, y, weight, groups) -> None:
        from xgboost import XGBClassifier

        train, held = hold_out(y, groups, share=0.15, seed=self.random_state)
        rounds = min(300, 12_000 // len(self.classes_))
        self.model_ = XGBClassifier(
            n_estimators=rounds,
            learning_rate=float(np.clip(30 / rounds, 0.1, 0.3)),
            max_depth=3,
            colsample_bytree=0.1,
            subsample=0.8,
            max_bin=64,
            min_child_weight=0.1,
            early_stopping_rounds=20 if len(held) else None,
            random_state=self.random_state,
            n_jobs=1,
        )
        watched = [(X[held], y[held])] if len(held) else None
        self.model_.fit(
            X[train],
            y[train],
            sample_weight=weight[train],
            eval_set=watched,
            verbose=0,
        )

    def _logits(self, X):
        scores = self.model_.predict(X, output_margin=True)
        return scores if scores.ndim > 1 else np.stack([0 * scores, scores], axis=1)


class OnRoots:
    """A head that is given the signed square roots of embeddings."""

    def __init__(self, head: Head) -> None:
        self._head = head

    def fit(self, X, y):
        """Fit the head."""
        self._head.fit(signed_root(X), y)
        return self

    def logits(self, X):
        """Return the head's scores."""
        return self._head.logits(signed_root(X))


def plain(name: str) -> Head:
    """Return a head that otherwise takes roots, without them."""
    head = make_head(name)
    head.signed_sqrt = False
    return head


def fixed(name: str, parameter: str, *values: Any) -> dict[str, Callable[[], Any]]:
    """Return a variant of a head for each value of a parameter."""
    return {
        f"{parameter}={value:g}" if value else f"{parameter} chosen": (
            lambda value=value: make_head(name, **{parameter: value})
        )
        for value in values
    }


VARIANTS: Mapping[str, Mapping[str, Callable[[], Any]]] = {
    "svm": {
        "without roots": lambda: plain("svm"),
        **fixed("svm", "C", 1e-4, 3e-4, 3e-3, 1e-2, None),
    },
    "logreg": {
        "without roots": lambda: plain("logreg"),
        **fixed("logreg", "C", 1e-3, 1e-2, 1e-1, 1.0),
    },
    "lda": {
        "without roots": lambda: plain("lda"),
        "pooled shrinkage": PooledLDA,
    },
    "softmax": {"on roots": lambda: OnRoots(make_head("softmax"))},
    "mlp": {"on roots": lambda: OnRoots(make_head("mlp"))},
    "gboost": {
        "as in 0.2": EarlyStopped,
        **fixed("gboost", "max_depth", 3),
        "100 rounds": lambda: make_head("gboost", rounds=100, learning_rate=0.1),
    },
}
"""What is tried instead of each head's default."""


def read_set(path: Path, backbone: str, cache: Path, images: int):
    """Return embeddings and labels of a set; of a larger one, so many at random."""
    if path.suffix == ".npz":
        content = np.load(path)
        X, y = content["X"], content["y"]
    else:
        found = featx.embed(featx.read_images(path), backbone, cache_dir=cache)
        X, y = found.views[:, 0], found.images.labels
    if len(y) > images:
        kept, _ = train_test_split(
            np.arange(len(y)), train_size=images, stratify=y, random_state=0
        )
        X, y = X[kept], y[kept]
    return np.ascontiguousarray(X, dtype=np.float32), y


def score(head: Any, X, y, seed: int) -> tuple[float, float, float]:
    """Return accuracy and log loss on one half after a fit on the other; seconds."""
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.5, stratify=y, random_state=seed
    )
    start = time.process_time()
    scores = head.fit(X[train], y[train]).logits(X[test]).astype(np.float64)
    seconds = time.process_time() - start
    scores /= fit_temperature(scores[:, None], y[test])
    own = softmax(scores)[np.arange(len(test)), y[test]]
    accuracy = (scores.argmax(axis=1) == y[test]).mean()
    return float(accuracy), float(-np.log(np.maximum(own, 1e-15)).mean()), seconds


def with_interval(values, digits: int) -> str:
    """Write the mean over sets and its 95% interval; bold if it is not of 0."""
    mean = values.mean()
    if len(values) < 2:
        return f"{mean:+.{digits}f}"
    reach = student.ppf(0.975, len(values) - 1) * values.std(ddof=1)
    reach /= np.sqrt(len(values))
    text = f"{mean:+.{digits}f} ± {reach:.{digits}f}"
    return f"**{text}**" if abs(mean) > reach else text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.defaults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument(
        "--heads", nargs="+", choices=VARIANTS, default=["svm", "logreg", "lda"]
    )
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--images", type=int, default=1500, help="Most of each set.")
    parser.add_argument("--backbone", default="efficientnetlite0")
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    asked = parser.parse_args()
    rows = []
    for name in asked.heads:
        ways = {"default": lambda name=name: make_head(name), **VARIANTS[name]}
        found = np.zeros((len(asked.data), asked.splits, len(ways), 3))
        for place, path in enumerate(asked.data):
            X, y = read_set(path, asked.backbone, asked.cache_dir, asked.images)
            for seed in range(asked.splits):
                for way, make in enumerate(ways.values()):
                    found[place, seed, way] = score(make(), X, y, seed)
            means = found[place].mean(axis=0)
            told = [
                f"{way} {accuracy:.3f} {loss:.3f} {seconds:.1f} s"
                for way, (accuracy, loss, seconds) in zip(ways, means, strict=True)
            ]
            print(
                f"{path.stem}, {len(y)} images, {name}: {'; '.join(told)}", flush=True
            )
        by_set = found.mean(axis=1)
        gains = by_set - by_set[:, :1]
        for way, variant in enumerate(ways):
            if way:
                points = 100 * gains[:, way, 0]
                cells = [with_interval(points, 1), with_interval(gains[:, way, 1], 3)]
                cells += [f"{points.min():+.1f} to {points.max():+.1f}"]
            else:
                cells = [
                    f"{by_set[:, 0, 0].mean():.3f}",
                    f"{by_set[:, 0, 1].mean():.3f}",
                ]
                cells += [""]
            seconds = f"{by_set[:, way, 2].mean():.1f}"
            rows.append([name, variant, *cells, seconds])
    print()
    head = ["head", "variant", "accuracy, points", "log loss", "by set", "CPU s a fit"]
    print("\n".join(table(head, rows)))


if __name__ == "__main__":
    main()
