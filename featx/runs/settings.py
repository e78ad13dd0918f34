"""Settings of where runs and reports are written."""

from pathlib import Path

from featx.settings import Settings


class ReportSettings(Settings):
    """Where runs and reports are written."""

    out_dir: Path = Path("reports")
    """Folder of runs and reports."""
