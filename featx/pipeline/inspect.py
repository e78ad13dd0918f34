"""Looking at the data before anything is computed."""

from pathlib import Path

from featx.images.inspection import Inspection, inspect_images
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.progress import SILENT, Progress
from featx.reports.inspection.page import claim_folder, render_inspection
from featx.runs.write import check_reports


def run_inspect(
    data: DataSettings, reports_dir: Path, *, progress: Progress = SILENT
) -> tuple[Inspection, Path]:
    """Read all images of a data folder and write a page about them; return both.

    Raises
    ------
    DataError, RunError
    """
    check_reports(reports_dir, "report")
    images = read_images(data)
    # A folder that can't be written to is reported before the long work, not after it.
    claim_folder(reports_dir, images.name)
    inspection = inspect_images(images, progress.images("reading images"))
    page = render_inspection(inspection, reports_dir, seed=data.seed)
    progress.task("drawing reports", "pages")(1, 1)
    return inspection, page
