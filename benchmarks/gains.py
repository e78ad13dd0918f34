"""What fine-tuning gains over the head: python -m benchmarks.gains DATA...

The images of each folder are split anew with each seed, half of them to test. On the
same split a head is fitted and fine-tuned as featx 0.2 did by default and as featx does
now. Prints a Markdown table of the gain in test accuracy, in points, and of the fall in
log loss: the mean over the seeds with its 95% interval, from Student's t. The last row
is the mean over the sets with the interval of that.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

import featx
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.finetune import run_finetune
from featx.pipeline.fit import run_fit
from featx.runs.settings import ReportSettings

WAYS = {
    "0.2": FinetuneSettings(
        choose="epoch",
        epochs=10,
        learning_rate=1e-4,
        backbone_rate=0.3,
        augment="none",
        copies=0,
    ),
    "now": FinetuneSettings(),
}


def measure(
    path: Path, seed: int, asked: argparse.Namespace
) -> tuple[NDArray[np.float64], str]:
    """Return the head's accuracy and each way's gains, (1 + 2 * ways,), and words."""
    report = ReportSettings(out_dir=asked.out_dir / f"{path.name}-{seed}")
    cache = CacheSettings(folder=asked.out_dir / "cache")
    extract = ExtractSettings(
        backbone=asked.backbone, image_size=asked.image_size, precision="float32"
    )
    data = DataSettings(path=path, test_size=0.5, seed=seed)
    (head,) = run_fit(
        data,
        [HeadSettings(name=asked.head)],
        extract=[extract],
        cache=cache,
        report=report,
    )
    found = [head.metrics.accuracy]
    told = []
    for name, settings in WAYS.items():
        run = run_finetune(
            head,
            settings.model_copy(update={"seed": seed}),
            cache=cache,
            report=report,
        )
        gain = run.metrics.finetune
        assert gain is not None
        found += [gain.gain, head.metrics["log_loss"] - run.metrics["log_loss"]]
        seconds = run.info["timings"]["choosing"] + run.info["timings"]["fit"]
        share = "" if gain.share is None else f", {gain.share:.2f} kept"
        told.append(
            f"{name} {gain.gain:+.3f} ({gain.epochs} epochs{share}, {seconds:.0f} s)"
        )
    return np.array(found), f"{found[0]:.3f}; {'; '.join(told)}"


def with_interval(values: NDArray[np.float64], scale: float, digits: int) -> str:
    """Write a mean and its 95% interval."""
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
    reach = student.ppf(0.975, len(values) - 1) * error
    low, high = scale * (mean - reach), scale * (mean + reach)
    return f"{scale * mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gains", description=__doc__
    )
    parser.add_argument("data", type=Path, nargs="+", help="Folders of class folders.")
    parser.add_argument("--backbone", default="efficientnetlite0")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--head", default="lda")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out-dir", type=Path, default=Path("gains"))
    asked = parser.parse_args()
    by_set = []
    for path in asked.data:
        rows = []
        for seed in range(asked.seeds):
            values, words = measure(path, seed, asked)
            rows.append(values)
            print(f"{path.name}, seed {seed}: {words}", flush=True)
        by_set.append(np.array(rows))
    columns = ["data", "images", "head"]
    columns += [f"{what}, {name}" for name in WAYS for what in ("points", "log loss")]
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    names = [(one.name, str(len(featx.read_images(one)))) for one in asked.data]
    tables = [*zip(names, by_set, strict=True)]
    if len(by_set) > 1:
        tables.append((("mean", ""), np.array([one.mean(axis=0) for one in by_set])))
    for (name, count), values in tables:
        cells = [name, count, f"{values[:, 0].mean():.3f}"]
        for place in range(1, values.shape[1], 2):
            cells.append(with_interval(values[:, place], 100, 1))
            cells.append(with_interval(-values[:, place + 1], 1, 3))
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
