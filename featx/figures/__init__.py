"""Figures, drawn with Matplotlib: for pages, and for notebooks as `featx.plots`."""
