"""Importers: results that other tools have made, as records."""
