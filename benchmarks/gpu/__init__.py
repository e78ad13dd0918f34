"""How much of a GPU machine stage one uses, and how much PyTorch does."""
