"""Components: found by name, their options read without importing them, loaded when used."""
