"""Run folders: one fitted head or trained model with its metrics.

Written by the pipeline and by fine-tuning, read by reports and prediction.
"""

from featx.runs.folder import Run
from featx.runs.making import make_run
from featx.runs.reading import list_runs, read_run
from featx.runs.selection import best_run, rank_runs, same_data
from featx.runs.writing import (
    RunContents,
    claim_reports,
    find_fitted,
    fingerprint_of,
    provenance,
    write_run,
)

__all__ = [
    "Run",
    "RunContents",
    "best_run",
    "claim_reports",
    "find_fitted",
    "fingerprint_of",
    "list_runs",
    "make_run",
    "provenance",
    "rank_runs",
    "read_run",
    "same_data",
    "write_run",
]
