"""Engines: what runs a backbone on a batch of images, one module for each."""
