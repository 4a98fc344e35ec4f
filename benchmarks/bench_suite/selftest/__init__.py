"""The self-test: run every instrument on tasks whose results are known, and compare."""
