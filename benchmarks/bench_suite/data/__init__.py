"""Data: sources, splits, schema, cache and encoding."""
