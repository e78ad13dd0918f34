"""Frozen backbones: the table of them, their weights, and their Keras models."""
