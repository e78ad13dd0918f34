"""Metrics with intervals, calibration, and cross-validation by content."""
