"""Section: what fine-tuning gained."""

from typing import Any

from featx.reports.run.gain import explain_gain
from featx.reports.run.section import Material, Section
from featx.reports.run.summary import SENTENCES


def _content(material: Material) -> dict[str, Any] | None:
    sentences = explain_gain(material.run)
    return {"sentences": sentences} if sentences else None


SECTION = Section(
    "What fine-tuning gained", SENTENCES, _content, prose=True, marked=True
)
