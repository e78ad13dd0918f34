"""Whether `featx rank` finds what is best: python -m benchmarks.ranking DATA...

All training images of each folder are embedded for each candidate, and heads are
cross-validated on them; the best one's accuracy is the candidate's full result. The
same candidates are ranked by samples, drawn with several seeds. Prints a Markdown table
for each way to rank: Kendall's tau and Spearman's rho to the full results, and the
regret, by how many points the full result of the first one is below the best. The row
"quickest" is of what featx recommends where nothing is cached yet: of those as good as
the first within chance the one of the fewest multiplications, since here all is cached.
Numbers are means over the seeds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata, spearmanr

import featx
from benchmarks.markdown import table
from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.settings import ExtractSettings
from featx.images.image_set import ImageSet
from featx.pipeline.rank import Ranking, backbones_here, vary

SCORES = ("lda", "knn", "LogME", "mean of ranks")
QUICKEST = "quickest"


def full_results(
    images: ImageSet,
    candidates: Sequence[ExtractSettings],
    heads: Sequence[str],
    cache: Path,
) -> NDArray[np.float64]:
    """Return the best cross-validated accuracy of each candidate, (candidates,)."""
    found = []
    for one in candidates:
        embeddings = featx.embed(images, one, cache_dir=cache)
        fits = [featx.fit(embeddings, head).cross_validation for head in heads]
        found.append(max(fit.accuracy for fit in fits))
        views = " flip" if one.flip else ""
        shown = ", ".join(f"{fit.accuracy:.4f}" for fit in fits)
        print(f"{images.name}: {one.short}{views}: {shown}", flush=True)
    return np.array(found)


def scores_of(
    ranking: Ranking, candidates: Sequence[ExtractSettings]
) -> dict[str, NDArray[np.float64]]:
    """Return what each way to rank gives each candidate, higher for better."""
    by_settings = {one.extract: one for one in ranking.candidates}
    ranked = [by_settings[one] for one in candidates]
    lda = np.array([one.lda.accuracy for one in ranked])
    knn = np.array([one.knn.accuracy for one in ranked])
    logme = np.array([one.logme for one in ranked])
    mean = np.mean([rankdata(one) for one in (lda, knn, logme)], axis=0)
    return dict(zip(SCORES, (lda, knn, logme, mean), strict=True))


def multiplications(one: ExtractSettings) -> float:
    """Return how many multiplications an image takes, in billions."""
    row = find_backbone(one.backbone)
    size = one.image_size or row.image_size
    return row.multiply_adds * (size / row.image_size) ** 2 * (1 + one.flip)


def agreement(
    ranking: Ranking,
    candidates: Sequence[ExtractSettings],
    full: NDArray[np.float64],
) -> dict[str, list[float]]:
    """Return tau, rho and regret in points by way to rank."""
    found = {
        name: [
            float(kendalltau(scores, full).statistic),
            float(spearmanr(scores, full).statistic),
            100 * float(full.max() - full[scores.argmax()]),
        ]
        for name, scores in scores_of(ranking, candidates).items()
    }
    good = [
        one.extract
        for one, is_good in zip(ranking.candidates, ranking.as_good, strict=True)
        if is_good
    ]
    chosen = list(candidates).index(min(good, key=multiplications))
    found[QUICKEST] = [np.nan, np.nan, 100 * float(full.max() - full[chosen])]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ranking", description=__doc__
    )
    parser.add_argument("data", type=Path, nargs="+", help="Folders of class folders.")
    parser.add_argument(
        "--backbone",
        nargs="+",
        metavar="NAME[@SIZE]",
        help="By default those that `featx rank` takes.",
    )
    parser.add_argument("--flip", action="store_true", help="Flipped as well.")
    parser.add_argument("--head", nargs="+", default=["lda", "logreg"])
    parser.add_argument("--images", type=int, nargs="+", default=[100, 200, 500])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    asked = parser.parse_args()
    named = [ExtractSettings(backbone=name) for name in asked.backbone or ()]
    candidates = vary(
        named or [ExtractSettings(backbone=name) for name in backbones_here()],
        sizes=not named,
        views=asked.flip or not named,
    )
    rows = []
    for path in asked.data:
        # The split is kept, whatever the seed of the sample is.
        images = featx.read_images(path).split.images
        full = full_results(images, candidates, asked.head, asked.cache_dir)
        for count in asked.images:
            found = [
                agreement(
                    featx.rank(
                        replace(images, seed=seed),
                        candidates,
                        sample=count,
                        cache_dir=asked.cache_dir,
                    ),
                    candidates,
                    full,
                )
                for seed in range(asked.seeds)
            ]
            for name in (*SCORES, QUICKEST):
                tau, rho, regret = np.mean([one[name] for one in found], axis=0)
                is_rank = name != QUICKEST
                cells = [f"{tau:.2f}", f"{rho:.2f}"] if is_rank else ["", ""]
                where = [path.name, f"{len(images.train):,}", f"{count:,}", name]
                rows.append([*where, *cells, f"{regret:.1f}"])
                print(" ".join(rows[-1]), flush=True)
        print(f"{path.name}: {full.min():.3f} to {full.max():.3f}", flush=True)
    head = ["data", "training images", "sample", "by", "tau", "rho", "regret, points"]
    print("\n" + "\n".join(table(head, rows)))


if __name__ == "__main__":
    main()
