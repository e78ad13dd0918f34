"""The page that compares all runs."""
