"""Honest numbers: metrics with intervals, and cross-validation by content."""

from featx.evaluation.cross_validation import CrossValidation, cross_validate
from featx.evaluation.metrics import evaluate

__all__ = ["CrossValidation", "cross_validate", "evaluate"]
