"""The cache of embeddings on disk: part files, looked up by content."""
