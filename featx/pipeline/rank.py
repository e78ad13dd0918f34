"""Which embeddings suit some images: a sample decides before all are extracted."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address, Location, as_folder
from featx.embeddings.backbones.extractor import AUTO, Extractor, find_extractor
from featx.embeddings.backbones.table import BACKBONES, Backbone, find_backbone
from featx.embeddings.backbones.weights import is_here
from featx.embeddings.cache.last_extracted import register
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.dataset import find_extractors, side_by_side
from featx.embeddings.extract import Extraction, count_lacking, embed_rows
from featx.embeddings.pace import Pace, find_rate
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.embeddings.spec import Spec
from featx.errors import RecipeError
from featx.evaluation.cross_validation import CrossValidation, cross_validate
from featx.evaluation.intervals import independent_images, paired_difference
from featx.evaluation.logme import logme
from featx.heads.settings import HeadSettings
from featx.heads.views import fit_views
from featx.images.decode_ahead import USUAL, Decoders
from featx.images.digests import DIGEST_SIZE, Digests
from featx.images.image_set import ImageSet, Split
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles
from featx.pipeline.several import make_each
from featx.progress import SILENT, Progress
from featx.splits import Labels, Rows, draw_stratified, rank_classes

LOGGER = logging.getLogger(__name__)

DEFAULT_SAMPLE, LEAST_OF_A_CLASS = 500, 5
"""Images that are drawn by default, and how many of each class on average at least."""

NEIGHBOURS = 5
"""Images that vote in knn, the nearest most: with twice as many, classes of which a
sample has five images would be outvoted."""

FOLDS = 5

_FLIP = " flip"
"""What names end in where images are embedded flipped as well."""


@dataclass(frozen=True)
class Ranked:
    """One way to embed images, as a sample of them tells.

    Attributes
    ----------
    extract : ExtractSettings
        Of these embeddings.
    specs : tuple of Spec
        What decides the values, one for each view.
    lda, knn : CrossValidation
        Of shrinkage LDA, and of the nearest neighbours by cosine.
    logme : float
        See `featx.evaluation.logme.logme`.
    lacking : int
        How many embeddings the cache lacks of all images, all views counted.
    seconds : float or None
        That computing these would take on this machine; None where the rate isn't
        known.
    size : int
        Bytes that they would take on disk.
    """

    extract: ExtractSettings
    specs: tuple[Spec, ...]
    lda: CrossValidation
    knn: CrossValidation
    logme: float
    lacking: int
    seconds: float | None
    size: int

    @property
    def name(self) -> str:
        """Backbone, size and resizing as ``--backbone`` takes them, and the view."""
        spec = self.specs[0]
        resize = f":{spec.resize}" if spec.view.suffix else ""
        flip = _FLIP if len(self.specs) > 1 else ""
        return f"{spec.backbone}@{spec.image_size}{resize}{flip}"


@dataclass(frozen=True)
class Ranking:
    """Ways to embed images, the most promising first.

    Attributes
    ----------
    images : ImageSet
        The sample: training images that can be read.
    candidates : tuple of Ranked
        By the accuracy of lda, the best first; of equal ones the higher LogME.
    independent : float
        How many images of the sample are independent, see `independent_images`.
    notes : tuple of str
        What was left out, one line each.
    """

    images: ImageSet
    candidates: tuple[Ranked, ...]
    independent: float
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.candidates)
        return f"Ranking({len(self.images)} images: {names})"

    @cached_property
    def as_good(self) -> tuple[bool, ...]:
        """Which candidates are as good as the first within chance.

        The 95% interval of the difference in lda's accuracy, paired by image, then
        has zero in it.
        """
        best = self.candidates[0].lda.right
        return tuple(
            paired_difference(best, one.lda.right, n=self.independent)[1][0] <= 0
            for one in self.candidates
        )

    @property
    def recommended(self) -> Ranked:
        """The one of those as good as the first that takes the least time from here."""
        good = [
            one
            for one, is_good in zip(self.candidates, self.as_good, strict=True)
            if is_good
        ]
        return min(good, key=lambda o: np.inf if o.seconds is None else o.seconds)

    def as_dict(self) -> dict[str, Any]:
        """Return what `featx rank --json` prints."""
        candidates = [
            {
                "embedding": one.name,
                "specs": [spec.as_dict() for spec in one.specs],
                "lda": _scores(one.lda),
                "knn": _scores(one.knn),
                "logme": one.logme,
                "as_good": is_good,
                "lacking": one.lacking,
                "seconds": one.seconds,
                "bytes": one.size,
            }
            for one, is_good in zip(self.candidates, self.as_good, strict=True)
        ]
        return {
            "images": len(self.images),
            "classes": list(self.images.classes),
            "candidates": candidates,
            "recommended": self.recommended.name,
        }


def _scores(found: CrossValidation) -> dict[str, Any]:
    return {"cv_accuracy": found.accuracy, "interval": found.interval}


def run_rank(
    data: DataSettings,
    candidates: Sequence[ExtractSettings],
    *,
    sample: int | None = None,
    cache: CacheSettings = CacheSettings(),
    progress: Progress = SILENT,
) -> Ranking:
    """Rank embeddings of a data folder; see `rank`."""
    images = read_images(data)
    register(cache.folder, data.path)
    return rank(
        images,
        candidates,
        sample=sample,
        cache_dir=cache.folder,
        batch_size=cache.batch_size,
        engine=cache.engine,
        decoders=Decoders(cache.decode_in, cache.decoders),
        progress=progress,
    )


def rank(
    images: ImageSet,
    candidates: Sequence[str | ExtractSettings] | None = None,
    *,
    sample: int | None = None,
    cache_dir: Location = "cache",
    batch_size: int | None = None,
    engine: str = AUTO,
    decoders: Decoders = USUAL,
    progress: Progress = SILENT,
) -> Ranking:
    """Rank embeddings by what heads make of them on a sample of the training images.

    The sample is stratified, copies of an image are drawn together, and no test image
    is in it. Its embeddings are cached as ever: extracting all images computes the
    others only. A candidate that fails is reported as `Progress.failed`, and the others
    are ranked.

    Parameters
    ----------
    images : ImageSet
        Its seed is that of the sample and the folds, too.
    candidates : sequence of str or ExtractSettings, optional
        Names of backbones, or settings. By default `default_candidates`.
    sample : int, optional
        How many different images to draw, all if there are fewer; of each class two at
        least. By default 500, or five of each class where that is more.
    cache_dir : str, Path or UPath
    batch_size : int, optional
        Images per run of a model; by default what suits the memory.
    engine : {"auto", "tensorflow", "jax", "torch", "litert", "openvino"}
        What runs the models.
    decoders : Decoders
        What decodes the images.

    Raises
    ------
    DataError
        The images can't be split, or are too few for five folds.
    RecipeError
        No backbone's weights are on this machine, or whole maps are to be ranked.
    BackboneError, WeightsError, CacheError
        All candidates failed; this is why the last one did.

    Examples
    --------
    >>> ranking = rank(read_images("data"))
    >>> embeddings = embed(read_images("data"), ranking.recommended.extract)
    """
    wanted = [
        one if isinstance(one, ExtractSettings) else ExtractSettings(backbone=one)
        for one in (default_candidates() if candidates is None else candidates)
    ]
    for settings in wanted:
        if settings.pooling == "none":
            raise RecipeError(
                "--pooling none: whole maps can't be ranked, lda has no use for them;"
                " use avg or max"
            )
    cache_dir, split = as_folder(cache_dir), images.split
    drawn = draw_sample(split, sample, images.seed)
    embedder = _Embedder(
        everything=ImageFiles(images.files, images.digests),
        sample=_files(split, drawn),
        cache_dir=cache_dir,
        options={"batch_size": batch_size, "engine": engine, "decoders": decoders},
        progress=progress,
    )
    embedded = make_each(
        _with_weights(wanted, cache_dir, progress),
        embedder.embed,
        progress,
        name=lambda one: f"{one.short}{_FLIP if one.flip else ''}",
    )
    lost = {row for one in embedded for row in one.unreadable}
    readable = np.setdiff1d(np.arange(len(drawn)), list(lost))
    rows = drawn[readable]
    labelled = split.images.take(rows, "sample of the training split")
    groups = split.groups[rows]
    update = progress.task("scoring", "candidates")
    ranked: list[Ranked] = []
    for done, one in enumerate(embedded):
        update(done, len(embedded))
        views = embedder.read(one, readable)
        ranked.append(_score(one, views, labelled, groups))
    update(len(embedded), len(embedded))
    ranked.sort(key=lambda one: (-one.lda.accuracy, -one.logme))
    notes = [*split.notes, *_notes(sample, len(drawn), len(lost))]
    return Ranking(labelled, tuple(ranked), independent_images(groups), tuple(notes))


def default_candidates(
    names: Iterable[str] = (), **values: Any
) -> list[ExtractSettings]:
    """Return backbones, each at its own size and a larger one, plain and flipped too.

    Parameters
    ----------
    names : iterable of str, optional
        Of backbones; by default `backbones_here`.
    values
        Other settings of all candidates.

    Raises
    ------
    RecipeError
        No backbone's weights are on this machine.
    """
    settings = [
        ExtractSettings(backbone=name, **values) for name in names or backbones_here()
    ]
    return vary(settings, sizes=True, views=True)


def backbones_here() -> list[str]:
    """Return the backbones whose ImageNet weights are on this machine, fast ones first.

    Very slow ones are left out: a sample would take them half an hour.

    Raises
    ------
    RecipeError
        There is none.
    """
    rows = [row for row in BACKBONES.values() if row.speed != "very slow"]
    here = [row for row in rows if is_here(row)]
    if not here:
        raise RecipeError(
            "no backbone's ImageNet weights are on this machine; name some to download"
            " by --backbone (`featx backbones` lists them)"
        )
    return [row.name for row in sorted(here, key=lambda row: row.multiply_adds)]


def vary(
    settings: Iterable[ExtractSettings], *, sizes: bool, views: bool
) -> list[ExtractSettings]:
    """Return settings with variants of each, each once.

    Parameters
    ----------
    sizes : bool
        At a larger size as well, where no size is given.
    views : bool
        With the flipped view and without it.
    """
    varied: list[ExtractSettings] = []
    for one in settings:
        each = [one]
        if sizes and one.image_size is None:
            larger = _larger_size(find_backbone(one.backbone))
            each.append(one.model_copy(update={"image_size": larger}))
        for same in each:
            flips = (False, True) if views else (same.flip,)
            varied += [same.model_copy(update={"flip": flip}) for flip in flips]
    return list(dict.fromkeys(varied))


def _larger_size(row: Backbone) -> int:
    """Return about 9/7 of a backbone's own size, such as 288 for 224.

    It is a multiple of 32, the stride of most networks.
    """
    return 32 * round(row.image_size * 9 / 7 / 32)


def draw_sample(split: Split, sample: int | None, seed: int) -> Rows:
    """Draw training images, stratified by class; copies are drawn together.

    Parameters
    ----------
    sample : int, optional
        How many different images; see `rank`.

    Returns
    -------
    ndarray of int
        Rows of `split.images`, ascending.
    """
    train = split.train
    dealt = rank_classes(split.images.labels[train], split.groups[train])
    count = len(dealt.of_group)
    if sample is None:
        sample = max(DEFAULT_SAMPLE, LEAST_OF_A_CLASS * len(dealt.labels))
    if sample >= count:
        return train
    drawn = draw_stratified(
        dealt.of_group, share=sample / count, seed=seed, least=2, spared=0
    )
    return train[np.isin(dealt.member, drawn)]


def _files(split: Split, rows: Rows) -> ImageFiles:
    files = split.images.files
    return ImageFiles([files[row] for row in rows], Digests(split.keys[rows], {}))


def _with_weights(
    wanted: Sequence[ExtractSettings], cache_dir: Address, progress: Progress
) -> list[ExtractSettings]:
    """Return the candidates whose weights can be had; each that can't is named once."""

    def find(kind: tuple[str, str]) -> tuple[str, str]:
        find_extractor(kind[0], weights=kind[1], cache_dir=cache_dir)
        return kind

    kinds = dict.fromkeys((one.backbone, one.weights) for one in wanted)
    found = make_each(kinds, find, progress, name=lambda kind: kind[0])
    return [one for one in wanted if (one.backbone, one.weights) in found]


@dataclass(frozen=True)
class _Embedded:
    """A candidate whose sample is in the cache, and what the rest of it would take."""

    settings: ExtractSettings
    extractors: list[Extractor]
    extractions: list[Extraction]
    lacking: int
    seconds: float | None

    @property
    def unreadable(self) -> set[int]:
        return {row for one in self.extractions for row in one.unreadable}


@dataclass(frozen=True)
class _Embedder:
    """Embeds a sample, and tells what all images would take.

    Attributes
    ----------
    everything, sample : ImageFiles
    cache_dir : Path or UPath
    options : dict
        For `embed_rows`.
    progress : Progress
    """

    everything: ImageFiles
    sample: ImageFiles
    cache_dir: Address
    options: dict[str, Any]
    progress: Progress

    def embed(self, settings: ExtractSettings) -> _Embedded:
        """Have the cache hold a candidate's sample."""
        extractors = find_extractors(settings, self.cache_dir)
        extractions = []
        lacking, seconds = 0, 0.0
        # One view after the other, so that each has a rate of its own.
        for extractor in extractors:
            pace = Pace(self.progress.images(str(extractor.spec)))
            ((_, extraction),) = embed_rows(
                self.sample,
                [extractor],
                self.cache_dir,
                count=len(self.everything.names),
                update=pace,
                **self.options,
            )
            for note in extraction.notes:
                LOGGER.debug("%s", note)
            cache = EmbeddingCache(self.cache_dir, extraction.spec)
            left = count_lacking(self.everything, cache)
            rate = find_rate(extraction, pace, cache)
            lacking += left
            if left:
                seconds += left / rate if rate else np.nan
            extractions.append(extraction)
        known = None if np.isnan(seconds) else seconds
        return _Embedded(settings, extractors, extractions, lacking, known)

    def read(self, one: _Embedded, rows: Rows) -> NDArray[np.float32]:
        """Return the embeddings of some images of the sample, shape (n, views, d)."""
        source = self.sample.select(rows.tolist())
        found = embed_rows(source, one.extractors, self.cache_dir, **self.options)
        return side_by_side(found, np.arange(len(rows)))


def _score(
    one: _Embedded, views: NDArray[np.float32], images: ImageSet, groups: Labels
) -> Ranked:
    # A class of which nothing could be read must not leave a gap in the codes.
    y = np.unique(images.labels, return_inverse=True)[1]
    options = HeadSettings(name="lda", seed=images.seed).fit_options(None, "")
    validate = partial(
        cross_validate, X=views, y=y, groups=groups, folds=FOLDS, seed=images.seed
    )
    return Ranked(
        extract=one.settings,
        specs=tuple(extraction.spec for extraction in one.extractions),
        lda=validate(partial(fit_views, "lda", **options)),
        knn=validate(fit_neighbours),
        # The mean over the views: as separate rows, they would count as more images.
        logme=logme(views.mean(axis=1), y),
        lacking=one.lacking,
        seconds=one.seconds,
        size=one.lacking * (4 * views.shape[2] + DIGEST_SIZE),
    )


@dataclass(frozen=True)
class Neighbours:
    """The nearest neighbours of images by cosine, as `cross_validate` takes it.

    Attributes
    ----------
    model : sklearn.neighbors.KNeighborsClassifier
    """

    model: Any

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels seen, sorted, shape (n_classes,)."""
        classes: NDArray[Any] = self.model.classes_
        return classes

    def logits(self, views: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return logarithms of the shares of votes, shape (n, v, n_classes)."""
        n, v, d = views.shape
        votes = self.model.predict_proba(views.reshape(n * v, d)).reshape(n, v, -1)
        with np.errstate(divide="ignore"):
            logits: NDArray[np.floating] = np.log(votes)
        return logits


def fit_neighbours(
    views: NDArray[np.floating],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],  # noqa: ARG001  as `cross_validate` calls it
) -> Neighbours:
    """Remember the views of images, shape (n, v, d).

    A neighbour's vote counts as much as it is near, 1 / (1 - cosine).
    """
    from sklearn.neighbors import KNeighborsClassifier

    n, v, d = views.shape
    model = KNeighborsClassifier(
        n_neighbors=min(n, NEIGHBOURS) * v, weights="distance", metric="cosine"
    )
    return Neighbours(model.fit(views.reshape(n * v, d), y.repeat(v)))


def _notes(sample: int | None, drawn: int, lost: int) -> Iterator[str]:
    if lost:
        yield f"{lost} of {drawn} images of the sample can't be read, left out"
    if sample is not None and drawn > sample:
        yield (
            f"{drawn:,} images are drawn, not {sample:,}: two of each class at least,"
            " and copies together"
        )
