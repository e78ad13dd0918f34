"""The whole flow on images that featx draws itself; needs no network."""

from pathlib import Path

from featx.datasets.shapes import draw_image_set
from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import DataError, WeightsError
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.recipe import Recipe
from featx.pipeline.run_recipe import RecipeResult, run_recipe
from featx.progress import SILENT, Progress
from featx.runs.settings import ReportSettings

DEMO_BACKBONE = "mobilenetv2-0.35"


def run_demo(
    folder: Path,
    *,
    backbone: str = DEMO_BACKBONE,
    progress: Progress = SILENT,
) -> RecipeResult:
    """Draw images, embed them, fit all heads, render the report, all in one folder.

    ImageNet weights are used where Keras has them or can fetch them. Where it can't,
    a note says so, and random weights take their place, whose scores are marked
    wherever they appear. Nothing else in featx falls back like this.

    Raises
    ------
    DataError
        The folder can't be written to.
    FeatxError
        As the steps raise it.
    """
    try:
        data = draw_image_set(folder / "shapes")
    except OSError as error:
        raise DataError(
            f"{folder}: can't draw the demo's images ({error.strerror or error});"
            " name a folder that can be written to"
        ) from error
    weights = "imagenet"
    try:
        find_extractor(backbone, cache_dir=folder / "cache")
    except WeightsError as error:
        weights = "random"
        progress.note(
            f"{error}; going on with RANDOM weights, whose scores mean little"
        )
    recipe = Recipe(
        data=DataSettings(path=data),
        cache=CacheSettings(folder=folder / "cache"),
        extract=[ExtractSettings(backbone=backbone, weights=weights)],
        head=[HeadSettings(name="all")],
        report=ReportSettings(out_dir=folder / "reports"),
    )
    return run_recipe(recipe, progress=progress)
