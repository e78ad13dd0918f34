"""featx's own fits beside the libraries', on the same rows: python -m benchmarks.heads.

Prints each one's median CPU seconds over the repeats, in turns, the ratio, and both
accuracies on other rows. A library's way is what somebody would write who wants the
same: its own estimator on the same transformed rows, with parameters chosen likewise.

Rows are those of a file in NumPy's .npz format with embeddings `X` and labels `y`; half
of them are to fit on. Without a file they are drawn, clouds around their class's mean.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from benchmarks.markdown import table
from featx.heads.scaling import signed_root
from featx.heads.table import make_head


class KerasDense(ClassifierMixin, BaseEstimator):
    """A softmax layer by Keras' `Model.fit`, stopped early on held-out rows."""

    def fit(self, X, y):
        """Train the layer."""
        import keras

        keras.utils.set_random_seed(0)
        train, held = train_test_split(
            np.arange(len(y)), test_size=0.15, random_state=0
        )
        width, classes = X.shape[1], int(y.max()) + 1
        dense = keras.layers.Dense(classes, activation="softmax")
        self.model_ = keras.Sequential([keras.Input((width,)), dense])
        self.model_.compile(
            keras.optimizers.AdamW(1e-3, weight_decay=2.0),
            "sparse_categorical_crossentropy",
        )
        stopping = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
        self.model_.fit(
            X[train],
            y[train],
            validation_data=(X[held], y[held]),
            epochs=200,
            callbacks=[stopping],
            verbose=0,
        )
        return self

    def predict(self, X):
        """Return the most probable classes."""
        return self.model_.predict(X, verbose=0).argmax(axis=1)


def boosted():
    """Return XGBoost's classifier with the rounds and steps of the head's default."""
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=200,
        learning_rate=0.05,
        max_depth=2,
        subsample=0.8,
        colsample_bytree=0.05,
        n_jobs=1,
    )


def on_roots(estimator: Any) -> Any:
    """Return an estimator that gets standardised signed square roots."""
    return make_pipeline(FunctionTransformer(signed_root), StandardScaler(), estimator)


WAYS: Mapping[str, tuple[str, Callable[[], Any]]] = {
    "svm": ("LinearSVC", lambda: on_roots(LinearSVC(C=1e-3))),
    "logreg": (
        "LogisticRegressionCV, 4 C in 3 folds",
        lambda: on_roots(
            LogisticRegressionCV(
                Cs=[1e-3, 1e-2, 1e-1, 1.0],
                cv=3,
                scoring="accuracy",
                l1_ratios=(0.0,),
                use_legacy_attributes=False,
                max_iter=500,
            )
        ),
    ),
    "lda": (
        'LinearDiscriminantAnalysis("lsqr", "auto")',
        lambda: on_roots(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
    ),
    "softmax": (
        "keras.Model.fit",
        lambda: make_pipeline(StandardScaler(), KerasDense()),
    ),
    "gboost": ("XGBClassifier, 200 rounds", boosted),
}
"""The library's way for each head: its name, and what makes it."""


def draw(classes: int, per_class: int, features: int):
    """Return rows like pooled activations, not negative, and their labels."""
    rng = np.random.default_rng(0)
    means = rng.normal(0, 0.35, (classes, features))
    y = np.repeat(np.arange(classes), per_class)
    X = np.maximum(0, means[y] + rng.normal(0, 1, (len(y), features)))
    return X.astype(np.float32), y


def timed(model: Any, X, y) -> float:
    """Fit a model and return the CPU seconds that it took."""
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.heads",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="An .npz file.")
    parser.add_argument("--heads", nargs="+", choices=WAYS, default=[*WAYS])
    parser.add_argument("--classes", type=int, default=50, help="Of drawn rows.")
    parser.add_argument("--per-class", type=int, default=30, help="Of drawn rows.")
    parser.add_argument("--features", type=int, default=1280, help="Of drawn rows.")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    if asked.data:
        content = np.load(asked.data)
        X, y = content["X"].astype(np.float32), content["y"]
    else:
        X, y = draw(asked.classes, asked.per_class, asked.features)
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.5, stratify=y, random_state=0
    )
    rows = []
    for name in asked.heads:
        words, make_library = WAYS[name]
        models = (make_library(), make_head(name))
        seconds = [
            [timed(model, X[train], y[train]) for model in models]
            for _ in range(asked.repeats)
        ]
        slow, fast = (statistics.median(taken) for taken in zip(*seconds, strict=True))
        scores = [(model.predict(X[test]) == y[test]).mean() for model in models]
        cells = [f"{slow:.2f}", f"{scores[0]:.3f}", f"{fast:.2f}", f"{scores[1]:.3f}"]
        rows.append([name, words, *cells, f"{slow / fast:.1f}"])
        print(*rows[-1], flush=True)
    print(
        f"\n{len(train)} rows of {X.shape[1]} features, {len(np.unique(y))} classes\n"
    )
    head = ["head", "library's way", "CPU s", "accuracy", "featx, CPU s", "accuracy"]
    print("\n".join(table([*head, "ratio"], rows)))


if __name__ == "__main__":
    main()
