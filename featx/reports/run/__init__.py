"""The page of one run: a list of sections, each a module."""
