"""The whole flow on two image sets that need no network."""

from dataclasses import dataclass
from pathlib import Path

from featx.datasets.public_sets import write_public_set
from featx.datasets.settings import DatasetSettings
from featx.datasets.shapes import draw_image_set
from featx.embeddings.backbones.table import DEFAULT_BACKBONE
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import DataError
from featx.heads.settings import QUICK_HEADS, HeadSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.fit import run_fit
from featx.pipeline.report import Report, report
from featx.progress import SILENT, Progress
from featx.runs.run import Run
from featx.runs.settings import ReportSettings

DEMO_SIZES: dict[str, tuple[int | None, ...]] = {
    "shapes": (None,),
    # The originals have 8 pixels a side. Sizes of which each sees other details are
    # better than the backbone's own, and three better than one.
    "digits": (64, 96, 160),
}
"""At which sizes each set is embedded; None is the backbone's own."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes
    ----------
    runs : dict of str to list of Run
        By data set.
    report : Report
    """

    runs: dict[str, list[Run]]
    report: Report


def run_demo(folder: Path, *, progress: Progress = SILENT) -> DemoResult:
    """Write two image sets, embed them, fit heads and render the report.

    The sets are shapes, which featx draws, and scikit-learn's handwritten digits. What
    an earlier demo left in the folder is used again.

    Raises
    ------
    DataError
        The folder can't be written to.
    WeightsError
        The package with the backbone's weights is not installed.
    FeatxError
        As the steps raise it.
    """
    try:
        draw_image_set(folder / "shapes")
        if not (folder / "digits").exists():
            settings = DatasetSettings(out=folder / "digits")
            write_public_set("digits", settings, progress=progress)
    except OSError as error:
        raise DataError(
            f"{folder}: can't write the demo's images ({error.strerror or error});"
            " name a folder that can be written to"
        ) from error
    reports = ReportSettings(out_dir=folder / "reports")
    runs = {
        name: run_fit(
            DataSettings(path=folder / name),
            [HeadSettings(name=QUICK_HEADS)],
            extract=[
                ExtractSettings(backbone=DEFAULT_BACKBONE, image_size=size)
                for size in sizes
            ],
            cache=CacheSettings(folder=folder / "cache"),
            report=reports,
            progress=progress,
        )
        for name, sizes in DEMO_SIZES.items()
    }
    return DemoResult(runs, report(out_dir=reports.out_dir, progress=progress))
