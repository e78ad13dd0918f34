"""Settings of where runs and reports are written."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from featx.settings import Settings


class ReportSettings(Settings):
    """Where runs and reports are written."""

    out_dir: Annotated[Path, Field(description="Folder of runs and reports.")] = Path(
        "reports"
    )
