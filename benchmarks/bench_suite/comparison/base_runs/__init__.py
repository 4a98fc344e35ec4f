"""Several runs as base, such as `last:5`: which runs, how cells pair, and evidence with the variance between runs."""
