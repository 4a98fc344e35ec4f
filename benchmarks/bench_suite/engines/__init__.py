"""Engines: they train a network."""
