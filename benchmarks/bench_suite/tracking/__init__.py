"""Tracking: what the exporters to experiment trackers share."""
