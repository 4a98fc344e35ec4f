"""Probes: the measuring instruments."""
