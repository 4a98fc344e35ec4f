"""Execution: what happens to a run, and to one unit of it."""
