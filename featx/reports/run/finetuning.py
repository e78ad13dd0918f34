"""Section: what fine-tuning gained."""

from typing import Any

from featx.reports.run.gain import explain_gain
from featx.reports.run.section import RunPage, Section
from featx.reports.run.summary import SENTENCES


def _content(page: RunPage) -> dict[str, Any] | None:
    sentences = explain_gain(page.run)
    return {"sentences": sentences} if sentences else None


SECTION = Section(
    "What fine-tuning gained", SENTENCES, _content, prose=True, marked=True
)
