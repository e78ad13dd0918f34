"""How fast stage one is beside what a user would otherwise run."""
