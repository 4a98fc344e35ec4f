"""Tasks: the data sets."""
