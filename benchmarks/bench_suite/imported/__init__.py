"""Imported: what importers share, and how the cells that they read become a run."""
