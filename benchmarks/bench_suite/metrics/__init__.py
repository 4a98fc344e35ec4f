"""Metrics: one function each, of targets and predictions."""
