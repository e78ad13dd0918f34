"""A first recipe for a data folder, guessed from what its images are."""

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from featx.atomic import check_writable, write_atomically
from featx.embeddings.backbones.table import DEFAULT_BACKBONE
from featx.embeddings.dataset import find_extractors
from featx.embeddings.extract import extract
from featx.embeddings.settings import ExtractSettings
from featx.errors import DataError, RecipeError
from featx.heads.settings import HeadSettings
from featx.images.image_set import ImageSet
from featx.images.inspection import inspect_images
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles
from featx.pipeline.recipe import Recipe, recipe_text
from featx.progress import SILENT, Progress
from featx.reports.numbers import counted, duration

SAMPLE = 500
"""How many images are decoded to learn their sizes."""

TIMED = 64
"""How many of them are embedded to learn how long it takes."""

SMALL_PIXELS = 100
SMALL_SIZES: tuple[int, ...] = (96, 160, 224)
FEW_IMAGES = 30
MANY_IMAGES = 20_000


@dataclass(frozen=True)
class Facts:
    """What the guesses are made from.

    Attributes
    ----------
    images, classes : int
    training : int
        Training images, about: where the test split is drawn, its share is taken off.
    per_class : float
        Training images in the median class.
    pixels : int
        Shorter side of the median image.
    unreadable : int
        Images of the sample that can't be read.
    """

    images: int
    classes: int
    training: int
    per_class: float
    pixels: int
    unreadable: int


@dataclass(frozen=True)
class NewRecipe:
    """A recipe that was written.

    Attributes
    ----------
    path : Path
    recipe : Recipe
    notes : tuple of str
        On the images.
    seconds : float
        What embedding all images takes on this machine, about.
    """

    path: Path
    recipe: Recipe
    notes: tuple[str, ...]
    seconds: float


def new_recipe(
    data: DataSettings, out: Path, *, progress: Progress = SILENT
) -> NewRecipe:
    """Look at a data folder and write a recipe for it, with comments.

    Up to 500 images, spread over the folder, are decoded, and 64 of them embedded to
    measure how long it takes.

    Parameters
    ----------
    data : DataSettings
    out : Path
        The recipe's file; it must not exist.

    Raises
    ------
    RecipeError
        The file exists, or it can't hold the path of the data.
    OSError
        Its folder can't be written to.
    DataError
        There are no images that can be read.
    WeightsError
        The package with the backbone's weights is not installed.
    """
    _check_missing(out)
    check_writable(out.parent)
    images = read_images(data)
    sample = _spread(images, SAMPLE)
    facts = _facts(images, sample, progress)
    chosen, why_views = choose_views(facts)
    heads, why_heads = choose_heads(facts)
    recipe = Recipe(
        data=data, extract=chosen, head=[HeadSettings(name=name) for name in heads]
    )
    if not recipe_text(recipe):
        raise RecipeError(
            f"{data.path}: this path, or one of the files that list labels or images,"
            " isn't UTF-8 text, which no recipe can hold; rename it"
        )
    seconds = _time(_spread(sample, TIMED), chosen, progress) * facts.images
    text = recipe_text(
        recipe,
        header=_header(out, images, facts, seconds),
        comments={"extract": why_views, "head": why_heads},
    )
    _check_missing(out)  # it may have been made meanwhile
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, (text + _MORE).encode())
    return NewRecipe(out, recipe, images.notes, seconds)


def _check_missing(out: Path) -> None:
    if out.exists():
        raise RecipeError(f"{out} exists already; remove it or choose another --out")


def choose_views(facts: Facts) -> tuple[list[ExtractSettings], str]:
    """Return which embeddings suit an image set, and why."""
    number = counted(round(facts.per_class), "training image")
    if facts.pixels < SMALL_PIXELS:
        sizes, flip = SMALL_SIZES, False
        why = (
            f"The images have {facts.pixels} pixels and are enlarged. Enlarged by"
            " different factors, they show the backbone different things: three sizes"
            " together are better than one."
        )
    elif facts.per_class < FEW_IMAGES:
        sizes, flip = (224, 288), True
        why = (
            f"A class has about {number}, which is few: that is where flipped views and"
            " a second size help most. Without them it takes a fifth of the time."
        )
    else:
        why = (
            f"A class has about {number}: one view of each is enough to begin with."
            " `flip = true` often adds a little, and so does a second `[[extract]]`"
            " with `image_size = 288`."
        )
        return [ExtractSettings(backbone=DEFAULT_BACKBONE)], why
    return [
        ExtractSettings(backbone=DEFAULT_BACKBONE, image_size=size, flip=flip)
        for size in sizes
    ], why


def choose_heads(facts: Facts) -> tuple[list[str], str]:
    """Return which heads suit an image set, and why."""
    if facts.training > MANY_IMAGES:
        why = (
            f"With {facts.training:,} training images these two take minutes, the"
            " others much longer."
        )
        return ["lda", "softmax"], why
    why = (
        "These are the fastest. lda is often best where classes are many and images"
        " few; softmax, mlp and gboost take longer and seldom win by much."
    )
    return ["lda", "logreg", "svm"], why


_MORE = """
# Train the last layers of the backbone together with the best head. It takes much
# longer than all of the above, and gains least where nearly all is right already.
# [[finetune]]
# unfreeze = "block7"
"""


def _spread(images: ImageSet, most: int) -> ImageSet:
    """Return so many images, spread evenly over the set."""
    if len(images) <= most:
        return images
    return images.take(np.linspace(0, len(images) - 1, most).astype(np.intp))


def _facts(images: ImageSet, sample: ImageSet, progress: Progress) -> Facts:
    seen = inspect_images(sample, progress.images("reading images"))
    if not seen.readable.any():
        raise DataError(
            f"{images.root}: none of the {len(sample)} images looked at can be read;"
            " `featx inspect` says why"
        )
    sides = np.minimum(seen.widths, seen.heights)[seen.readable]
    trains = np.ones(len(images), bool) if images.is_test is None else ~images.is_test
    share = 1 - images.share if images.is_test is None else 1.0
    counts = np.bincount(images.labels[trains], minlength=len(images.classes)) * share
    return Facts(
        images=len(images),
        classes=len(images.classes),
        training=round(counts.sum()),
        per_class=float(np.median(counts)),
        pixels=int(np.median(sides)),
        unreadable=len(seen.unreadable),
    )


def _time(
    images: ImageSet, chosen: Sequence[ExtractSettings], progress: Progress
) -> float:
    """Return how many seconds the embeddings of one image take."""
    plain = [one.model_copy(update={"precision": "float32"}) for one in chosen]
    with tempfile.TemporaryDirectory() as folder:
        done = extract(
            ImageFiles(images.files, images.digests),
            find_extractors(plain, Path(folder)),
            Path(folder),
            update=progress.images(f"timing {len(images)} images"),
        )
    computed = max(one.computed for one in done)
    return done[0].seconds / max(computed, 1)


def _header(out: Path, images: ImageSet, facts: Facts, seconds: float) -> list[str]:
    split = "with a test split of its own"
    if images.is_test is None:
        split = f"of which featx draws {images.share:.0%} as the test split"
    layout = (
        f"{images.name}: {facts.images:,} images of {facts.classes:,} classes, {split}"
        f" ({images.layout})."
    )
    cost = (
        f"Embedding all of them takes about {duration(seconds, rough=True)} on this"
        " machine, and happens once. What follows is guessed from these facts: change"
        " what you know better."
    )
    lines = [shlex.join(["featx", "run", str(out)]), "", layout, "", cost]
    if facts.unreadable:
        looked = min(facts.images, SAMPLE)
        lines.append(
            f"{facts.unreadable} of {looked} images can't be read; `featx inspect`"
            " names them."
        )
    return lines
