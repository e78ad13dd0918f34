"""Honest numbers: metrics with intervals, and cross-validation by content."""
