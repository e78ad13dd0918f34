"""Classifying images with a run or with an ImageNet network."""
