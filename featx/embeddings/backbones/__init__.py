"""Frozen backbones: the table of them, their weights, and what runs them."""
