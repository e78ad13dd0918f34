"""An image set's inspection: its facts as JSON, its figures and its page."""

from featx.reports.inspection.bars import by_count
from featx.reports.inspection.facts import inspection_facts
from featx.reports.inspection.page import claim_folder, render_inspection
from featx.reports.inspection.words import Finding, findings

__all__ = [
    "Finding",
    "by_count",
    "claim_folder",
    "findings",
    "inspection_facts",
    "render_inspection",
]
