"""Looking at the data before anything is computed."""

from dataclasses import dataclass
from pathlib import Path

from featx.images import Inspection, inspect_images, read_images
from featx.pipeline.listener import SILENT, Listener
from featx.pipeline.settings import DataSettings
from featx.reports.inspection import claim_folder, render_inspection


@dataclass(frozen=True)
class Inspected:
    """What was found in a data folder, and the page that shows it."""

    inspection: Inspection
    page: Path


def run_inspect(
    data: DataSettings, reports_dir: Path, *, listener: Listener = SILENT
) -> Inspected:
    """Read all images of a data folder and report what they are.

    Raises
    ------
    DataError, RunError
    """
    images = read_images(data.path, data.layout)
    # A folder that can't be written to is told before a long work, not after it.
    claim_folder(reports_dir, images.name)
    inspection = inspect_images(images, listener.images("reading images"))
    page = render_inspection(inspection, reports_dir, seed=data.seed)
    listener.pages(1, 1)
    return Inspected(inspection, page)
