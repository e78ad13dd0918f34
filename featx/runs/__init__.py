"""Run folders: one fitted head or trained model with its metrics.

Written by the pipeline and by fine-tuning, read by reports and prediction.
"""
