"""Suites: parses and validates a TOML file, and plans its cells."""
