"""The only room that reads and writes `results/`."""
