"""Runs as models for other programs: written, loaded again and checked."""
