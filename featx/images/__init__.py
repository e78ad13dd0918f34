"""Image folders: which files, which labels, which split, which pixels."""
