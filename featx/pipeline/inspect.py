"""Looking at the data before anything is computed."""

from dataclasses import dataclass
from pathlib import Path

from featx.images.inspection import Inspection, inspect_images
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.progress import SILENT, Progress
from featx.reports.inspection.page import claim_folder, render_inspection


@dataclass(frozen=True)
class Inspected:
    """What was found in a data folder, and the page that shows it."""

    inspection: Inspection
    page: Path


def run_inspect(
    data: DataSettings, reports_dir: Path, *, progress: Progress = SILENT
) -> Inspected:
    """Read all images of a data folder and report what they are.

    Raises
    ------
    DataError, RunError
    """
    images = read_images(data)
    # A folder that can't be written to is reported before the long work, not after it.
    claim_folder(reports_dir, images.name)
    inspection = inspect_images(images, progress.images("reading images"))
    page = render_inspection(inspection, reports_dir, seed=data.seed)
    progress.pages(1, 1)
    return Inspected(inspection, page)
