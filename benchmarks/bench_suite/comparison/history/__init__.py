"""Histories: the points of a metric over many runs, and the change points among them."""
