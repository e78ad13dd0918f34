"""Public and drawn data sets, written as image folders."""
